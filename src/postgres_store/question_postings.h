// The postings of a question's terms in a collection's segments, as a snapshot has them: those that
// the node keeps (postings_cache.h), and those that are to be fetched.
//
//   auto postings = QuestionPostings::find(question_terms(text), id, rows of select_segments(),
//                                          cache, now);
//   if (postings->misses_any()) postings->read(rows of postings->select_missing(tenant), now);
//   LexicalHits(postings->terms(), …);
//
// Thread safety: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "base/result.h"
#include "postgres/rows.h"
#include "postgres/statement.h"
#include "postgres_store/lexical_hits.h"
#include "postgres_store/postings_cache.h"
#include "store/types.h"

namespace raglan::postgres_store {

// One row: the segments' ids, their contents' names one after the other, and the chunks that are
// dead.
postgres::Statement select_segments(const store::CollectionKey& key);

class QuestionPostings {
 public:
  // kCorrupt.
  static Result<QuestionPostings> find(const std::map<store::Term, float>& question,
                                       std::int64_t collection_id, const postgres::Rows& segments,
                                       std::shared_ptr<PostingsCache> cache, MonotonicTime now);

  bool misses_any() const;
  postgres::Statement select_missing(const std::string& tenant) const;
  // What came of it, which is kept from now on. kCorrupt.
  Result<> read(const postgres::Rows& rows, MonotonicTime now);

  // Once nothing is missing.
  std::span<const QuestionTerm> terms() const { return terms_; }
  // What scoring those that are there takes, in postings.
  std::size_t work() const;

 private:
  QuestionPostings(std::int64_t collection_id, std::shared_ptr<PostingsCache> cache)
      : collection_id_(collection_id), cache_(std::move(cache)) {}

  using Lists = std::vector<std::shared_ptr<const PostingList>>;
  struct Segment {
    std::int64_t id = 0;
    Hash128 name; // of its contents
  };

  // Those of our segments that are among the kept ones.
  void take_kept(const PostingsCache::Lists& kept, Lists& lists) const;

  std::int64_t collection_id_ = 0;
  std::shared_ptr<PostingsCache> cache_;
  std::vector<Segment> segments_;
  std::vector<QuestionTerm> terms_; // a list for each segment; null: it is missing
};

} // namespace raglan::postgres_store
