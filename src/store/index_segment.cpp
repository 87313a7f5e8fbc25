#include "store/index_segment.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace raglan::store {
namespace {

struct Occurrence {
  Term term;
  std::uint32_t row;
  auto operator<=>(const Occurrence&) const = default;
};

// Where the live rows of a part go in the merged segment.
std::vector<std::uint32_t> number_rows(const IndexSegment::Part& left,
                                       const IndexSegment::Part& right,
                                       std::vector<std::uint32_t>& right_rows) {
  constexpr auto kGone = ~std::uint32_t{0};
  std::vector<std::uint32_t> left_rows(left.segment->rows(), kGone);
  right_rows.assign(right.segment->rows(), kGone);
  const auto live = [](const IndexSegment::Part& part, std::size_t row) {
    return !part.deletions || !part.deletions->rows[row];
  };
  std::uint32_t next = 0;
  std::size_t l = 0;
  std::size_t r = 0;
  while (l < left_rows.size() || r < right_rows.size()) {
    const bool take_left =
        r == right_rows.size() ||
        (l < left_rows.size() && left.segment->chunk_id(l) < right.segment->chunk_id(r));
    if (take_left) {
      if (live(left, l)) left_rows[l] = next++;
      ++l;
    } else {
      if (live(right, r)) right_rows[r] = next++;
      ++r;
    }
  }
  return left_rows;
}

} // namespace

std::shared_ptr<const IndexSegment> IndexSegment::build(std::span<const IndexEntry> entries,
                                                        std::size_t dimension) {
  std::vector<std::size_t> order(entries.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
    return entries[left].chunk_id < entries[right].chunk_id;
  });
  auto segment = std::make_shared<IndexSegment>();
  segment->dimension_ = dimension;
  segment->vectors_.reserve(entries.size() * dimension);
  std::vector<Occurrence> occurrences;
  for (std::uint32_t row = 0; row < order.size(); ++row) {
    const IndexEntry& entry = entries[order[row]];
    segment->chunk_ids_.push_back(entry.chunk_id);
    segment->vectors_.insert(segment->vectors_.end(), entry.vector.begin(), entry.vector.end());
    const std::vector<Term> terms = analyze(entry.text);
    segment->row_lengths_.push_back(static_cast<std::uint32_t>(terms.size()));
    segment->length_terms_ += terms.size();
    for (const Term term : terms) occurrences.push_back({term, row});
  }
  std::sort(occurrences.begin(), occurrences.end());
  for (std::size_t i = 0; i < occurrences.size(); ++i) {
    const auto [term, row] = occurrences[i];
    if (i > 0 && occurrences[i - 1] == occurrences[i]) {
      ++segment->postings_.back().frequency;
      continue;
    }
    if (i == 0 || occurrences[i - 1].term != term) {
      segment->terms_.push_back(term);
      segment->offsets_.push_back(segment->postings_.size());
    }
    segment->postings_.push_back({row, 1});
  }
  segment->offsets_.push_back(segment->postings_.size());
  return segment;
}

std::shared_ptr<const IndexSegment> IndexSegment::merge(const Part& left, const Part& right) {
  constexpr auto kGone = ~std::uint32_t{0};
  std::vector<std::uint32_t> right_rows;
  const std::vector<std::uint32_t> left_rows = number_rows(left, right, right_rows);
  const auto live_rows = static_cast<std::size_t>(
      std::count_if(left_rows.begin(), left_rows.end(), [](auto row) { return row != kGone; }) +
      std::count_if(right_rows.begin(), right_rows.end(), [](auto row) { return row != kGone; }));

  auto merged = std::make_shared<IndexSegment>();
  merged->dimension_ = left.segment->dimension_;
  merged->chunk_ids_.resize(live_rows);
  merged->row_lengths_.resize(live_rows);
  merged->vectors_.resize(live_rows * merged->dimension_);
  const auto copy_rows = [&](const IndexSegment& from, const std::vector<std::uint32_t>& rows) {
    for (std::size_t row = 0; row < rows.size(); ++row) {
      if (rows[row] == kGone) continue;
      merged->chunk_ids_[rows[row]] = from.chunk_ids_[row];
      merged->row_lengths_[rows[row]] = from.row_lengths_[row];
      merged->length_terms_ += from.row_lengths_[row];
      std::copy_n(from.vector(row), merged->dimension_,
                  merged->vectors_.data() + rows[row] * merged->dimension_);
    }
  };
  copy_rows(*left.segment, left_rows);
  copy_rows(*right.segment, right_rows);

  const auto append = [&](const IndexSegment& from, std::size_t term,
                          const std::vector<std::uint32_t>& rows) {
    for (std::uint64_t i = from.offsets_[term]; i < from.offsets_[term + 1]; ++i) {
      const Posting& posting = from.postings_[i];
      if (rows[posting.row] == kGone) continue;
      merged->postings_.push_back({rows[posting.row], posting.frequency});
    }
  };
  const std::vector<Term>& left_terms = left.segment->terms_;
  const std::vector<Term>& right_terms = right.segment->terms_;
  std::size_t l = 0;
  std::size_t r = 0;
  while (l < left_terms.size() || r < right_terms.size()) {
    const bool from_left =
        l < left_terms.size() && (r == right_terms.size() || left_terms[l] <= right_terms[r]);
    const bool from_right =
        r < right_terms.size() && (l == left_terms.size() || right_terms[r] <= left_terms[l]);
    const Term term = from_left ? left_terms[l] : right_terms[r];
    const std::size_t before = merged->postings_.size();
    if (from_left) append(*left.segment, l++, left_rows);
    if (from_right) append(*right.segment, r++, right_rows);
    if (merged->postings_.size() == before) continue; // every row of it was deleted
    merged->terms_.push_back(term);
    merged->offsets_.push_back(before);
    if (from_left && from_right) {
      std::sort(merged->postings_.begin() + static_cast<std::ptrdiff_t>(before),
                merged->postings_.end(),
                [](const Posting& a, const Posting& b) { return a.row < b.row; });
    }
  }
  merged->offsets_.push_back(merged->postings_.size());
  return merged;
}

std::span<const Posting> IndexSegment::postings(Term term) const {
  const auto found = std::lower_bound(terms_.begin(), terms_.end(), term);
  if (found == terms_.end() || *found != term) return {};
  const auto at = static_cast<std::size_t>(found - terms_.begin());
  return std::span(postings_).subspan(offsets_[at], offsets_[at + 1] - offsets_[at]);
}

std::size_t IndexSegment::find(std::uint64_t chunk_id) const {
  const auto found = std::lower_bound(chunk_ids_.begin(), chunk_ids_.end(), chunk_id);
  if (found == chunk_ids_.end() || *found != chunk_id) return rows();
  return static_cast<std::size_t>(found - chunk_ids_.begin());
}

} // namespace raglan::store
