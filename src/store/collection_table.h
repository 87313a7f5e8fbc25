// The rows of `collections` and the change log that moves their seq.
//
// Thread safety: that of the connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/unix_time.h"
#include "store/contents.h"
#include "store/sqlite.h"
#include "store/types.h"

namespace raglan::store {

struct CollectionRow {
  std::int64_t id = 0;
  std::string name;
  std::string embedder_id;   // empty before the first write
  std::size_t dimension = 0; // 0 before the first write
  std::uint64_t documents = 0;
  std::uint64_t chunks = 0;
  std::uint64_t seq = 0;
  std::int64_t created_at_ms = 0;
  std::uint64_t nonce = 0; // of the commit `seq`
};

// Consecutive chunk ids.
struct ChunkRange {
  std::uint64_t first_id = 0;
  std::uint64_t count = 0;
};

struct Change {
  std::string_view op; // "create", "put", "remove"
  std::string_view document_id;
  ChunkRange removed;
  ChunkRange added;
  int documents_delta = 0;
};

CollectionStats stats_of(const CollectionRow& row, std::uint64_t epoch);

// kNotFound.
Result<CollectionRow> find_collection(Connection& connection, const CollectionKey& key);
Result<std::vector<CollectionRow>> list_collections(Connection& connection,
                                                    std::string_view tenant);
// Of all tenants, by tenant and name; without those that are dropped.
Result<std::vector<StoredCollection>> stored_collections(Connection& connection);

// These belong inside a write transaction.
// kConflict when it exists.
Result<> insert_collection(Connection& connection, const CollectionKey& key, WallTime now);
// The row, inserted when there is none.
Result<CollectionRow> find_or_insert_collection(Connection& connection, const CollectionKey& key,
                                                WallTime now);
// Nobody finds it any more, or anything in it, and its name is free: every query asks for a tenant,
// and it has none from now on. Its rows remain for sweep.h to remove. kNotFound.
Result<> drop_collection(Connection& connection, const CollectionKey& key);
// Appends to the change log, in order, and moves the collection's seq and counters.
Result<> record_changes(Connection& connection, std::string_view tenant, std::int64_t collection_id,
                        std::span<const Change> changes);

} // namespace raglan::store
