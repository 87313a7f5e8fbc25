// The lexical side of a search: BM25 (store/bm25.h) over all postings of the question's terms.
//
// A page of kPageIds chunk ids at a time: the lists are gone through side by side, and what they
// add to a page's chunks is added up where it stays in the processor's nearest memory. Kept of it
// are the groups of kGroupIds that hold a hit: a collection whose chunks are far apart, among those
// of many others, takes 150 bytes for each of them.
//
// Thread safety: values. Making one takes some five nanoseconds a posting where chunks are
// neighbours.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "postgres_store/posting_list.h"
#include "store/bm25.h"
#include "store/top_hits.h"

namespace raglan::postgres_store {

inline constexpr std::size_t kGroupIds = 32;

// Of a collection's live chunks.
struct LexicalStatistics {
  std::uint64_t chunks = 0;
  std::uint64_t terms = 0; // their length
};

struct QuestionTerm {
  store::Term term = 0;
  float count = 0;                                       // in the question
  std::vector<std::shared_ptr<const PostingList>> lists; // one for each segment
};

class LexicalHits {
 public:
  LexicalHits() = default; // none
  // All terms must have as many lists, of the same segments, and all must be there. `dead`: chunks
  // that are deleted, and in postings still.
  LexicalHits(std::span<const QuestionTerm> question, std::span<const std::int64_t> dead,
              const LexicalStatistics& statistics);

  float score_of(std::uint64_t chunk_id) const;
  // Best first; chunks that hold one of the terms at least.
  std::vector<store::IndexHit> best(std::size_t count) const;

  std::uint32_t question_terms() const { return question_terms_; }
  float ceiling() const { return ceiling_; }
  float rare_term_ratio() const { return rare_term_ratio_; }

 private:
  using Sums = std::array<float, kGroupIds>; // 0: no hit

  void keep(std::uint64_t number, std::span<const float, kGroupIds> sums);
  // Who scores less is not among the `count` best.
  float bar(std::size_t count) const;

  // Of all groups that hold a term, segment by segment, and in a segment in their order. Chunks of
  // one group may be of several segments, and each is of one.
  std::vector<std::uint64_t> groups_; // their numbers: ids / kGroupIds
  std::vector<Sums> sums_;
  std::vector<float> most_;              // of each group's sums
  std::vector<std::size_t> segment_end_; // in groups_
  std::uint32_t question_terms_ = 0;
  float ceiling_ = 0;
  float rare_term_ratio_ = 0;
};

} // namespace raglan::postgres_store
