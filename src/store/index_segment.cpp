#include "store/index_segment.h"

#include <algorithm>
#include <numeric>

namespace raglan::store {
namespace {

struct Occurrence {
  Term term;
  std::uint32_t row;
  auto operator<=>(const Occurrence&) const = default;
};

} // namespace

std::shared_ptr<const IndexSegment> IndexSegment::build(std::span<const IndexEntry> entries,
                                                        std::size_t dimension) {
  std::vector<std::size_t> order(entries.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
    return entries[left].chunk_id < entries[right].chunk_id;
  });
  auto segment = std::make_shared<IndexSegment>();
  segment->vectors_ = VectorRows(dimension, entries.size());
  std::vector<Occurrence> occurrences;
  for (std::uint32_t row = 0; row < order.size(); ++row) {
    const IndexEntry& entry = entries[order[row]];
    segment->chunk_ids_.push_back(entry.chunk_id);
    segment->vectors_.append(entry.vector.data());
    const std::vector<Term> terms = analyze(entry.text);
    segment->row_lengths_.push_back(static_cast<std::uint32_t>(terms.size()));
    segment->length_terms_ += terms.size();
    for (const Term term : terms) occurrences.push_back({term, row});
  }
  std::sort(occurrences.begin(), occurrences.end());
  for (std::size_t i = 0; i < occurrences.size(); ++i) {
    const auto [term, row] = occurrences[i];
    if (i > 0 && occurrences[i - 1] == occurrences[i]) {
      std::uint8_t& frequency = segment->posting_frequencies_.back();
      if (frequency < Postings::kMaxFrequency) ++frequency;
      continue;
    }
    if (i == 0 || occurrences[i - 1].term != term) {
      segment->terms_.push_back(term);
      segment->offsets_.push_back(segment->posting_rows_.size());
    }
    segment->add_posting(row, 1);
  }
  segment->offsets_.push_back(segment->posting_rows_.size());
  segment->posting_rows_.shrink_to_fit();
  segment->posting_frequencies_.shrink_to_fit();
  return segment;
}

// The rows of two parts in the order of their chunk ids, then the postings of both in the order of
// the terms.
class IndexSegment::Merge {
 public:
  Merge(const Part& left, const Part& right) : left_(left), right_(right) { number_rows(); }

  std::shared_ptr<const IndexSegment> run() {
    copy_rows();
    copy_postings();
    return merged_;
  }

 private:
  static constexpr auto kGone = ~std::uint32_t{0};
  using Rows = std::vector<std::uint32_t>; // where each row goes

  void number_rows() {
    left_rows_.assign(left_.segment->rows(), kGone);
    right_rows_.assign(right_.segment->rows(), kGone);
    const auto take = [&](const Part& part, Rows& rows, std::size_t& at) {
      if (!part.deletions || !part.deletions->rows[at]) rows[at] = count_++;
      ++at;
    };
    std::size_t l = 0;
    std::size_t r = 0;
    while (l < left_rows_.size() || r < right_rows_.size()) {
      const bool take_left =
          r == right_rows_.size() ||
          (l < left_rows_.size() && left_.segment->chunk_id(l) < right_.segment->chunk_id(r));
      if (take_left) {
        take(left_, left_rows_, l);
      } else {
        take(right_, right_rows_, r);
      }
    }
  }

  void copy_rows() {
    merged_->chunk_ids_.resize(count_);
    merged_->row_lengths_.resize(count_);
    const std::size_t dimension =
        std::max(left_.segment->vectors_.dimension(), right_.segment->vectors_.dimension());
    std::vector<const float*> vectors(count_);
    const auto copy = [&](const IndexSegment& from, const Rows& rows) {
      for (std::size_t row = 0; row < rows.size(); ++row) {
        if (rows[row] == kGone) continue;
        merged_->chunk_ids_[rows[row]] = from.chunk_ids_[row];
        merged_->row_lengths_[rows[row]] = from.row_lengths_[row];
        merged_->length_terms_ += from.row_lengths_[row];
        vectors[rows[row]] = from.vector(row);
      }
    };
    copy(*left_.segment, left_rows_);
    copy(*right_.segment, right_rows_);
    merged_->vectors_ = VectorRows(dimension, count_);
    std::size_t next = 0;
    const std::size_t left_count = left_rows_.size();
    if (left_count > 0 && left_rows_.back() == left_count - 1) { // all of them, and first
      merged_->vectors_.append_all(left_.segment->vectors_);
      next = left_count;
    }
    for (; next < count_; ++next) merged_->vectors_.append(vectors[next]);
  }

  void copy_postings() {
    const std::vector<Term>& left_terms = left_.segment->terms_;
    const std::vector<Term>& right_terms = right_.segment->terms_;
    std::size_t most = left_.segment->posting_rows_.size() + right_.segment->posting_rows_.size();
    merged_->posting_rows_.reserve(most);
    merged_->posting_frequencies_.reserve(most);
    std::size_t l = 0;
    std::size_t r = 0;
    while (l < left_terms.size() || r < right_terms.size()) {
      const bool from_left =
          l < left_terms.size() && (r == right_terms.size() || left_terms[l] <= right_terms[r]);
      const bool from_right =
          r < right_terms.size() && (l == left_terms.size() || right_terms[r] <= left_terms[l]);
      const Term term = from_left ? left_terms[l] : right_terms[r];
      const std::size_t before = merged_->posting_rows_.size();
      if (from_left) append(*left_.segment, l++, left_rows_);
      const std::size_t middle = merged_->posting_rows_.size();
      if (from_right) append(*right_.segment, r++, right_rows_);
      if (merged_->posting_rows_.size() == before) continue; // every row of it was deleted
      merged_->terms_.push_back(term);
      merged_->offsets_.push_back(before);
      interleave(before, middle);
    }
    merged_->offsets_.push_back(merged_->posting_rows_.size());
    if (merged_->posting_rows_.size() * 8 < most * 7) {
      merged_->posting_rows_.shrink_to_fit();
      merged_->posting_frequencies_.shrink_to_fit();
    }
  }

  void append(const IndexSegment& from, std::size_t term, const Rows& rows) {
    for (std::uint64_t i = from.offsets_[term]; i < from.offsets_[term + 1]; ++i) {
      const std::uint32_t row = rows[from.posting_rows_[i]];
      if (row != kGone) merged_->add_posting(row, from.posting_frequencies_[i]);
    }
  }

  // Sorts the postings from `before`; the right part's begin at `middle`. Usually all is in order,
  // as newer segments have higher chunk ids.
  void interleave(std::size_t before, std::size_t middle) {
    auto& rows = merged_->posting_rows_;
    auto& frequencies = merged_->posting_frequencies_;
    if (middle == before || middle == rows.size() || rows[middle - 1] < rows[middle]) return;
    std::vector<std::pair<std::uint32_t, std::uint8_t>> postings;
    for (std::size_t i = before; i < rows.size(); ++i) {
      postings.emplace_back(rows[i], frequencies[i]);
    }
    std::sort(postings.begin(), postings.end());
    for (std::size_t i = 0; i < postings.size(); ++i) {
      std::tie(rows[before + i], frequencies[before + i]) = postings[i];
    }
  }

  const Part& left_;
  const Part& right_;
  Rows left_rows_;
  Rows right_rows_;
  std::uint32_t count_ = 0;
  std::shared_ptr<IndexSegment> merged_ = std::make_shared<IndexSegment>();
};

std::shared_ptr<const IndexSegment> IndexSegment::merge(const Part& left, const Part& right) {
  return Merge(left, right).run();
}

std::shared_ptr<const IndexSegment> IndexSegment::append(const IndexSegment& left,
                                                         const Part& right) {
  // A part refers to what the caller owns, for the length of the merge.
  const Part all_of_left{{std::shared_ptr<void>(), &left}, nullptr, nullptr};
  return Merge(all_of_left, right).run();
}

Postings IndexSegment::postings(Term term) const {
  const auto found = std::lower_bound(terms_.begin(), terms_.end(), term);
  if (found == terms_.end() || *found != term) return {};
  const auto at = static_cast<std::size_t>(found - terms_.begin());
  const std::size_t first = offsets_[at];
  const std::size_t count = offsets_[at + 1] - first;
  return {std::span(posting_rows_).subspan(first, count),
          std::span(posting_frequencies_).subspan(first, count)};
}

std::size_t IndexSegment::find(std::uint64_t chunk_id) const {
  if (chunk_ids_.empty() || chunk_id < chunk_ids_.front() || chunk_id > chunk_ids_.back()) {
    return rows();
  }
  const auto found = std::lower_bound(chunk_ids_.begin(), chunk_ids_.end(), chunk_id);
  return *found == chunk_id ? static_cast<std::size_t>(found - chunk_ids_.begin()) : rows();
}

} // namespace raglan::store
