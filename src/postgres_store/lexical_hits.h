// The lexical side of a search: BM25 (store/bm25.h) over the postings of the question's terms, as
// they came from the database; exact.
//
// Thread safety: values. Making one takes as long as there are postings: some ten nanoseconds each.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <map>
#include <span>
#include <string_view>
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
  // `postings`: rows of (term int8, entries bytea), any number for a term. `dead`: rows of chunk
  // ids that are in postings and no more. kCorrupt.
  static Result<LexicalHits> score(const std::map<store::Term, float>& question,
                                   const postgres::Rows& postings, const postgres::Rows& dead,
                                   const LexicalStatistics& statistics);

  float score_of(std::uint64_t chunk_id) const {
    const auto found = scores_.find(chunk_id);
    return found == scores_.end() ? 0 : found->second;
  }
  // Best first.
  std::vector<store::IndexHit> best(std::size_t count) const;
  std::size_t size() const { return scores_.size(); }

  std::uint32_t question_terms() const { return question_terms_; }
  float ceiling() const { return ceiling_; }
  float rare_term_ratio() const { return rare_term_ratio_; }

 private:
  boost::unordered_flat_map<std::uint64_t, float> scores_;
  std::uint32_t question_terms_ = 0;
  float ceiling_ = 0;
  float rare_term_ratio_ = 0;
};

} // namespace raglan::postgres_store
