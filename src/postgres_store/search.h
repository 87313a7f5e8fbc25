// One search: both sides, each candidate scored by both, and the passages of those chosen; all of
// one snapshot.
//
// Dense: the inner product of vectors of length 1, by pgvector. Exact over a collection without an
// index, and over the matches of a filter up to kExactFilterRows; else by the collection's HNSW
// index with iterative scans, and exactly whenever that gives fewer than asked for.
//
// Lexical: the postings of the question's terms are scored here (lexical_hits.h): scoring in SQL
// takes a hundred times as long. Those that are not kept from an earlier search are fetched
// (question_postings.h), some four bytes for each chunk that holds a term.
//
// Three round trips: the collection and its segments (snapshot.h); the nearest vectors, and the
// cosines of the lexical hits; the passages. One more for postings that are to be fetched, one or
// more for what a filter admits of the lexical hits, one for how much it matches, one where the
// index has found too little.
//
// Thread safety: that of the session.
#pragma once

#include <memory>

#include "base/deadline.h"
#include "net/offload.h"
#include "postgres/client.h"
#include "postgres_store/postings_cache.h"
#include "postgres_store/snapshot.h"
#include "store/embedding_space.h"
#include "store/store.h"

namespace raglan::postgres_store {

// A filter that matches no more chunks than this is answered exactly.
inline constexpr std::int64_t kExactFilterRows = 30'000;

struct SearchParts {
  const store::EmbeddingSpace& space;
  const net::Submit& executor; // for scoring
  const std::shared_ptr<PostingsCache>& postings;
  const Clock& clock;
  std::uint64_t epoch = 0;
  Deadline whole; // of the call; statements on a replica have less
};

// In the snapshot, opened with select_segments, whose transaction it ends. Errors: those of
// Store::search; then the transaction may be open still.
net::Task<Result<store::Found>> search(postgres::Session& session, SearchParts parts,
                                       Snapshot snapshot, const store::SearchRequest& request,
                                       const store::Choose& choose, Deadline deadline);

} // namespace raglan::postgres_store
