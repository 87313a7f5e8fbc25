// One search: both sides, each candidate scored by both, and the passages of those chosen; all of
// one snapshot.
//
// Dense: the inner product of vectors of length 1, by pgvector. Exact over a collection without an
// index, and over the matches of a filter up to kExactFilterRows; else by the collection's HNSW
// index with iterative scans, and exactly whenever that gives fewer than asked for.
//
// Lexical: the postings of the question's terms are fetched, some four bytes for each chunk that
// holds one, and scored here (lexical_hits.h): scoring in SQL takes a hundred times as long.
//
// Four round trips: the collection (snapshot.h); both sides; what each side's candidates score on
// the other; the passages.
//
// Thread safety: that of the session.
#pragma once

#include "base/deadline.h"
#include "net/offload.h"
#include "postgres/client.h"
#include "postgres_store/collections.h"
#include "store/embedding_space.h"
#include "store/store.h"

namespace raglan::postgres_store {

// A filter that matches no more chunks than this is answered exactly.
inline constexpr std::int64_t kExactFilterRows = 30'000;

struct SearchParts {
  const store::EmbeddingSpace& space;
  const net::Submit& executor; // for scoring
  const Clock& clock;
  std::uint64_t epoch = 0;
  Deadline whole; // of the call; statements on a replica have less
};

// In the open transaction that the collection was read in, which it ends. Errors: those of
// Store::search; then the transaction may be open still.
net::Task<Result<store::Found>> search(postgres::Session& session, SearchParts parts,
                                       CollectionRow collection,
                                       const store::SearchRequest& request,
                                       const store::Choose& choose, Deadline deadline);

} // namespace raglan::postgres_store
