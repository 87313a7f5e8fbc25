#include "store/shelf_rows.h"

#include <cstring>
#include <utility>

namespace raglan::store {
namespace {

constexpr std::uint64_t kRoomForPages = 64 << 10;
constexpr std::int64_t kRowsPerSweep = 64;
constexpr std::int64_t kIdsPerPurge = 4096;

std::string_view bytes_of(const Hash128& key) {
  return {reinterpret_cast<const char*>(key.bytes.data()), key.bytes.size()};
}

std::span<const std::byte> as_blob(std::string_view bytes) {
  return std::as_bytes(std::span(bytes));
}

// Of a value under its key. SQLite notices damaged pages, not damaged values.
std::int64_t checksum(const Hash128& key, std::string_view value) {
  const Hash128 hash = Hasher().add(bytes_of(key)).add(value).finish();
  std::int64_t sum = 0;
  std::memcpy(&sum, hash.bytes.data(), sizeof sum);
  return sum;
}

} // namespace

Result<std::vector<std::optional<ShelfRow>>> read_shelf_rows(Connection& connection,
                                                             std::span<const Hash128> keys) {
  std::vector<std::optional<ShelfRow>> rows(keys.size());
  // The keys are one blob that is cut into rows: one parameter for any number of them.
  auto select = connection.prepare(
      "WITH RECURSIVE wanted(i) AS "
      "(SELECT 0 UNION ALL SELECT i + 1 FROM wanted WHERE i + 1 < ?2) "
      "SELECT i, v.id, v.made_ms, v.checksum, v.value FROM wanted "
      "CROSS JOIN vectors v ON v.key = substr(?1, 16 * i + 1, 16)");
  if (!select) return forward_error(select);
  std::string wanted;
  for (const Hash128& key : keys) wanted += bytes_of(key);
  select->bind(as_blob(wanted), keys.size());
  while (true) {
    auto row = select->step();
    if (!row) return forward_error(row);
    if (!*row) return rows;
    const std::size_t i = select->unsigned_integer(0);
    const auto blob = select->blob(4);
    std::string value(reinterpret_cast<const char*>(blob.data()), blob.size());
    if (i >= keys.size() || checksum(keys[i], value) != select->integer(3)) continue;
    rows[i] = {.id = select->integer(1), .made_ms = select->integer(2), .value = std::move(value)};
  }
}

Result<> insert_shelf_rows(Connection& connection, std::span<const ShelfEntry> entries,
                           std::int64_t now_ms) {
  for (const auto& [key, scope, value, age] : entries) {
    auto ok = connection.run(
        "INSERT OR REPLACE INTO vectors (key, scope, made_ms, checksum, value) "
        "VALUES (?, ?, ?, ?, ?)",
        as_blob(bytes_of(key)), scope, now_ms - age.count(), checksum(key, value), as_blob(value));
    if (!ok) return ok;
  }
  return {};
}

Result<> move_shelf_rows_to_front(Connection& connection, std::span<const Hash128> keys) {
  for (const Hash128& key : keys) {
    auto ok =
        connection.run("UPDATE vectors SET id = (SELECT max(id) FROM vectors) + 1 WHERE key = ?",
                       as_blob(bytes_of(key)));
    if (!ok) return ok;
  }
  return {};
}

// Room for twice the bytes, as pages are not filled to their end.
Result<std::uint64_t> make_shelf_room(Connection& connection, std::uint64_t bytes,
                                      std::uint64_t max_bytes) {
  std::uint64_t removed = 0;
  while (true) {
    auto extent = shelf_extent(connection);
    if (!extent) return forward_error(extent);
    if (extent->used_bytes + 2 * bytes + kRoomForPages <= max_bytes) return removed;
    auto ok = connection.run(
        "DELETE FROM vectors WHERE id IN (SELECT id FROM vectors ORDER BY id LIMIT ?)",
        kRowsPerSweep);
    if (!ok) return forward_error(ok);
    if (connection.changes() == 0) return removed;
    removed += static_cast<std::uint64_t>(connection.changes());
  }
}

Result<std::uint64_t> purge_shelf_rows(Connection& connection, std::optional<std::uint64_t> scope) {
  if (!scope) {
    if (auto ok = connection.run("DELETE FROM vectors"); !ok) return forward_error(ok);
    return static_cast<std::uint64_t>(connection.changes());
  }
  auto extent = shelf_extent(connection);
  if (!extent) return forward_error(extent);
  std::uint64_t removed = 0;
  for (std::int64_t id = extent->oldest_id; id <= extent->newest_id; id += kIdsPerPurge) {
    auto ok = connection.run("DELETE FROM vectors WHERE id >= ? AND id < ? AND scope = ?", id,
                             id + kIdsPerPurge, *scope);
    if (!ok) return forward_error(ok);
    removed += static_cast<std::uint64_t>(connection.changes());
  }
  return removed;
}

Result<ShelfExtent> shelf_extent(Connection& connection) {
  auto select = connection.prepare(
      "SELECT page_count * page_size, (page_count - freelist_count) * page_size, "
      "(SELECT min(id) FROM vectors), (SELECT max(id) FROM vectors) "
      "FROM pragma_page_count, pragma_freelist_count, pragma_page_size");
  if (!select) return forward_error(select);
  auto row = select->step();
  if (!row) return forward_error(row);
  if (!*row) return fail(ErrorCode::kInternal, "no extent");
  return ShelfExtent{.file_bytes = select->unsigned_integer(0),
                     .used_bytes = select->unsigned_integer(1),
                     .oldest_id = select->integer(2),
                     .newest_id = select->integer(3)};
}

} // namespace raglan::store
