#include "store/index_search.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>

#include "store/distance.h"

namespace raglan::store {
namespace {

std::vector<float>& scores_of_this_thread() {
  thread_local std::vector<float> scores;
  return scores;
}

} // namespace

// The best hits seen so far: a heap with the worst of them on top.
class IndexSearch::TopHits {
 public:
  explicit TopHits(std::size_t count) : count_(count) { hits_.reserve(count + 1); }

  bool wants(float score) const {
    return hits_.size() < count_ || (count_ > 0 && score >= hits_.front().score);
  }

  void add(const Hit& hit) {
    if (hits_.size() == count_) {
      if (!better(hit, hits_.front())) return;
      std::pop_heap(hits_.begin(), hits_.end(), better);
      hits_.pop_back();
    }
    hits_.push_back(hit);
    std::push_heap(hits_.begin(), hits_.end(), better);
  }

  // Best first.
  std::vector<Hit> take() {
    std::sort(hits_.begin(), hits_.end(), better);
    return std::move(hits_);
  }

 private:
  static bool better(const Hit& left, const Hit& right) {
    if (left.score != right.score) return left.score > right.score;
    return left.chunk_id < right.chunk_id;
  }

  const std::size_t count_;
  std::vector<Hit> hits_;
};

IndexSearch::IndexSearch(std::span<const IndexSegment::Part> parts, const IndexConfig& config,
                         std::size_t dimension)
    : parts_(parts), config_(config), dimension_(dimension), scores_(scores_of_this_thread()) {
  std::uint32_t base = 0;
  std::uint64_t length_terms = 0;
  for (const auto& [segment, deletions] : parts_) {
    bases_.push_back(base);
    base += static_cast<std::uint32_t>(segment->rows());
    live_rows_ += segment->rows() - (deletions ? deletions->count : 0);
    length_terms += segment->length_terms() - (deletions ? deletions->length_terms : 0);
  }
  bases_.push_back(base);
  if (live_rows_ > 0) {
    average_length_ =
        std::max(1.0f, static_cast<float>(length_terms) / static_cast<float>(live_rows_));
  }
}

SearchResult IndexSearch::run(const CollectionIndex::Query& query) {
  SearchResult result;
  if (live_rows_ == 0) return result;
  if (query.allowed_chunk_ids) restrict_to(*query.allowed_chunk_ids);
  if (scores_.size() < bases_.back()) scores_.resize(bases_.back());

  const bool dense = query.vector.size() == dimension_;
  if (!query.text.empty()) score_lexical(query.text);
  const std::vector<Hit> lexical_hits = best_lexical(query.candidates);
  const std::vector<Hit> dense_hits =
      dense ? best_dense(query.vector, query.candidates) : std::vector<Hit>();

  std::unordered_map<std::uint32_t, std::size_t> places;
  const auto candidate = [&](const Hit& hit) -> Candidate& {
    const auto [place, added] = places.try_emplace(hit.row, result.candidates.size());
    if (added) {
      Candidate& fresh = result.candidates.emplace_back();
      fresh.chunk_id = hit.chunk_id;
      fresh.bm25 = scores_[hit.row];
      fresh.cosine = dense ? cosine(query.vector, hit.row) : 0;
    }
    return result.candidates[place->second];
  };
  std::uint32_t rank = 0;
  for (const Hit& hit : dense_hits) candidate(hit).dense_rank = ++rank;
  rank = 0;
  for (const Hit& hit : lexical_hits) candidate(hit).lexical_rank = ++rank;
  if (!lexical_hits.empty()) result.bm25_max = lexical_hits.front().score;

  for (const std::uint32_t row : touched_) scores_[row] = 0;
  touched_.clear();
  return result;
}

void IndexSearch::restrict_to(std::span<const std::uint64_t> chunk_ids) {
  allowed_.emplace(bases_.back(), false);
  for (std::size_t part = 0; part < parts_.size(); ++part) {
    const IndexSegment& segment = *parts_[part].segment;
    const auto ids = segment.chunk_ids();
    if (ids.empty()) continue;
    // Both are sorted; bisect to the overlap, then look each allowed id up.
    auto first = std::lower_bound(chunk_ids.begin(), chunk_ids.end(), ids.front());
    const auto last = std::upper_bound(first, chunk_ids.end(), ids.back());
    for (; first != last; ++first) {
      const std::size_t row = segment.find(*first);
      if (row < segment.rows()) (*allowed_)[bases_[part] + row] = true;
    }
  }
}

bool IndexSearch::eligible(std::size_t part, std::uint32_t row) const {
  if (parts_[part].deletions && parts_[part].deletions->rows[row]) return false;
  return !allowed_ || (*allowed_)[bases_[part] + row];
}

void IndexSearch::score_lexical(std::string_view text) {
  std::map<Term, float> weights; // a term asked for twice counts twice
  for (const Term term : analyze(text)) ++weights[term];
  for (const auto& [term, weight] : weights) add_term(term, weight);
}

void IndexSearch::add_term(Term term, float weight) {
  // How many live chunks have the term: what was deleted must not count, filters do not matter.
  std::size_t document_frequency = 0;
  for (const auto& [segment, deletions] : parts_) {
    const auto postings = segment->postings(term);
    document_frequency += postings.size();
    if (!deletions) continue;
    for (const Posting& posting : postings) document_frequency -= deletions->rows[posting.row];
  }
  if (document_frequency == 0) return;
  const auto live = static_cast<float>(live_rows_);
  const auto frequency = static_cast<float>(document_frequency);
  const float idf = std::log(1 + (live - frequency + 0.5f) / (frequency + 0.5f)) * weight;
  const float short_norm = config_.bm25_k1 * (1 - config_.bm25_b);
  const float length_norm = config_.bm25_k1 * config_.bm25_b / average_length_;

  for (std::size_t part = 0; part < parts_.size(); ++part) {
    const auto& [segment, deletions] = parts_[part];
    const bool all = !deletions && !allowed_;
    for (const Posting& posting : segment->postings(term)) {
      if (!all && !eligible(part, posting.row)) continue;
      const auto tf = static_cast<float>(posting.frequency);
      const auto length = static_cast<float>(segment->row_length_terms(posting.row));
      const std::uint32_t row = bases_[part] + posting.row;
      if (scores_[row] == 0) touched_.push_back(row);
      scores_[row] += idf * tf / (tf + short_norm + length_norm * length);
    }
  }
}

std::vector<IndexSearch::Hit> IndexSearch::best_lexical(std::uint32_t count) const {
  TopHits top(count);
  for (const std::uint32_t row : touched_) {
    if (!top.wants(scores_[row])) continue;
    const std::size_t part = part_of(row);
    top.add({scores_[row], parts_[part].segment->chunk_id(row - bases_[part]), row});
  }
  return top.take();
}

std::vector<IndexSearch::Hit> IndexSearch::best_dense(std::span<const float> vector,
                                                      std::uint32_t count) const {
  TopHits top(count);
  for (std::size_t part = 0; part < parts_.size(); ++part) {
    const IndexSegment& segment = *parts_[part].segment;
    const bool all = !parts_[part].deletions && !allowed_;
    for (std::uint32_t row = 0; row < segment.rows(); ++row) {
      if (!all && !eligible(part, row)) continue;
      const float score = inner_product(vector.data(), segment.vector(row), dimension_);
      if (top.wants(score)) top.add({score, segment.chunk_id(row), bases_[part] + row});
    }
  }
  return top.take();
}

std::size_t IndexSearch::part_of(std::uint32_t row) const {
  return static_cast<std::size_t>(std::upper_bound(bases_.begin(), bases_.end(), row) -
                                  bases_.begin() - 1);
}

float IndexSearch::cosine(std::span<const float> vector, std::uint32_t row) const {
  const std::size_t part = part_of(row);
  return inner_product(vector.data(), parts_[part].segment->vector(row - bases_[part]), dimension_);
}

} // namespace raglan::store
