// The rows of an embedding shelf's file, in SQL. Internal to embedding_shelf.h, which says what
// for.
//
// Thread safety: that of the connection.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "store/sqlite.h"

namespace raglan::store {

struct ShelfRow {
  std::int64_t id = 0;      // a higher one was used later, roughly
  std::int64_t made_ms = 0; // since 1970
  std::string value;
};

struct ShelfEntry {
  Hash128 key;
  std::uint64_t scope = 0; // what rows are purged by
  std::string value;
  std::chrono::milliseconds age{}; // since it was made
};

struct ShelfExtent {
  std::uint64_t file_bytes = 0;
  std::uint64_t used_bytes = 0; // pages that are not free
  std::int64_t oldest_id = 0;
  std::int64_t newest_id = 0;
};

// One element per key, in their order, by one statement. A row whose value does not match its
// checksum is none.
Result<std::vector<std::optional<ShelfRow>>> read_shelf_rows(Connection& connection,
                                                             std::span<const Hash128> keys);

// Replaces rows of the same keys.
Result<> insert_shelf_rows(Connection& connection, std::span<const ShelfEntry> entries,
                           std::int64_t now_ms);

// As if they had just been written.
Result<> move_shelf_rows_to_front(Connection& connection, std::span<const Hash128> keys);

// Deletes the oldest rows until `bytes` more have room in a file of at most `max_bytes`, or none
// are left. Returns how many.
Result<std::uint64_t> make_shelf_room(Connection& connection, std::uint64_t bytes,
                                      std::uint64_t max_bytes);

// Those of a scope, or all. Returns how many. Commits by itself, a piece at a time: outside of a
// transaction only.
Result<std::uint64_t> purge_shelf_rows(Connection& connection, std::optional<std::uint64_t> scope);

Result<ShelfExtent> shelf_extent(Connection& connection);

} // namespace raglan::store
