// The HNSW indexes over the vectors of large collections.
//
// Each large collection has one of its own (a partial index): a search in an index that all share
// would walk through the neighbours of other collections and tenants first, for ever with small
// ones. Below kIndexFromChunks vectors are compared one by one, which is exact.
//
// An index is built beside the writes (CREATE INDEX CONCURRENTLY). One at a time in the whole
// database, as two on one table would wait for each other: whoever builds claims that in the row of
// raglan.store, for kClaim and as long as the server is seen to build, and gives it back. What a
// node leaves unfinished is dropped by the next one; what it left finished is taken as it is.
//
// Thread safety: that of the session.
#pragma once

#include "postgres/client.h"
#include "postgres_store/collections.h"

namespace raglan::postgres_store {

inline constexpr std::uint64_t kIndexFromChunks = 20'000;
inline constexpr std::size_t kMaxIndexedDimension = 2'000; // pgvector's own
inline constexpr std::chrono::minutes kClaim{10};
inline constexpr std::chrono::hours kBuildTimeout{5};

// Whether there should be one, and is none.
bool wants_index(const CollectionRow& collection);

// Drops the indexes of collections that are gone, and builds one that is missing. Whether it did,
// so that another one may be: false when none is, or another node is at it. Takes minutes for a
// million chunks.
net::Task<Result<bool>> tend_indexes(postgres::Session& session, Deadline deadline);

} // namespace raglan::postgres_store
