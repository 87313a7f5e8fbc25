// The HNSW index over a collection's vectors, once there are many.
//
// Each large collection has one of its own (a partial index): a search in an index that all share
// would walk through the neighbours of other collections and tenants first, for ever with small
// ones. Below kIndexFromChunks vectors are compared one by one, which is exact.
//
// It is built beside the writes (CREATE INDEX CONCURRENTLY), by one node: which claims that in the
// collection's row for kClaim. What a node leaves unfinished is dropped by the next one.
//
// Thread safety: that of the session.
#pragma once

#include <string>

#include "postgres/client.h"
#include "postgres_store/collections.h"

namespace raglan::postgres_store {

inline constexpr std::uint64_t kIndexFromChunks = 20'000;
inline constexpr std::size_t kMaxIndexedDimension = 2'000; // pgvector's own
inline constexpr std::chrono::hours kClaim{1};

// Whether there should be one, and is none.
bool wants_index(const CollectionRow& collection);
// Builds it. False when another node is at it. Takes minutes for a million chunks.
net::Task<Result<bool>> build_index(postgres::Session& session, const std::string& tenant,
                                    const CollectionRow& collection, Deadline deadline);
// Of a collection that is gone.
net::Task<Result<>> drop_index(postgres::Session& session, std::int64_t collection_id,
                               Deadline deadline);

} // namespace raglan::postgres_store
