// The lexical side of a search: BM25 (store/bm25.h) over the postings of the question's terms, as
// they came from the database; exact.
//
// Chunk ids are given out in order, so those of a collection are mostly neighbours: sums are kept
// in pages of 64 ids, and a page is looked up when the next posting is of another one.
//
// Thread safety: values. Making one takes some five nanoseconds a posting.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <map>
#include <vector>

#include "base/result.h"
#include "postgres/rows.h"
#include "store/bm25.h"
#include "store/top_hits.h"

namespace raglan::postgres_store {

// Of a collection's live chunks.
struct LexicalStatistics {
  std::uint64_t chunks = 0;
  std::uint64_t terms = 0; // their length
};

class LexicalHits {
 public:
  // `postings`: rows of (term int8, chunks int4, entries bytea), any number for a term. `dead`:
  // rows of chunk ids that are in postings and no more. kCorrupt.
  static Result<LexicalHits> score(const std::map<store::Term, float>& question,
                                   const postgres::Rows& postings, const postgres::Rows& dead,
                                   const LexicalStatistics& statistics);

  float score_of(std::uint64_t chunk_id) const;
  // Best first.
  std::vector<store::IndexHit> best(std::size_t count) const;
  // Chunks that hold one of the terms at least.
  std::size_t size() const { return hits_; }

  std::uint32_t question_terms() const { return question_terms_; }
  float ceiling() const { return ceiling_; }
  float rare_term_ratio() const { return rare_term_ratio_; }

 private:
  static constexpr unsigned kPageBits = 6;
  static constexpr std::uint64_t kPageIds = 1 << kPageBits;

  // Where the sums of a page begin in `sums_`; it is made when there is none.
  std::size_t page_of(std::uint64_t chunk_id);

  boost::unordered_flat_map<std::uint64_t, std::size_t> pages_;
  std::vector<std::uint64_t> page_numbers_; // of each page in `sums_`
  std::vector<float> sums_;                 // 0: no hit
  std::size_t hits_ = 0;
  std::uint32_t question_terms_ = 0;
  float ceiling_ = 0;
  float rare_term_ratio_ = 0;
};

} // namespace raglan::postgres_store
