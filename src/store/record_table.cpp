#include "store/record_table.h"

#include "base/unix_time.h"

namespace raglan::store {
namespace {

constexpr int kSweptAtOnce = 16;

// Of the columns kind, tenant, id, value, version, expires_at_ms.
Record read_row(const Statement& row) {
  return {.key = {std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2))},
          .value = std::string(row.text(3)),
          .version = row.unsigned_integer(4),
          .expires = expires_from_column(row.integer(5))};
}

Result<std::vector<Record>> read_rows(Statement& select) {
  std::vector<Record> records;
  while (true) {
    auto row = select.step();
    if (!row) return forward_error(row);
    if (!*row) return records;
    records.push_back(read_row(select));
  }
}

Result<> check_expected(Connection& connection, const RecordKey& key,
                        std::optional<std::uint64_t> expected, WallTime now) {
  if (!expected) return {};
  auto present = read_record(connection, key, now);
  if (!present) return forward_error(present);
  const std::uint64_t version = *present ? (*present)->version : 0;
  return version == *expected ? Result<>() : record_conflict();
}

} // namespace

Result<> write_record(Connection& connection, const RecordWrite& write, std::uint64_t version,
                      WallTime now) {
  const auto& [kind, tenant, id] = write.key;
  if (auto ok = check_expected(connection, write.key, write.expected, now); !ok) return ok;
  auto swept = connection.run(
      "DELETE FROM records WHERE rowid IN"
      " (SELECT rowid FROM records WHERE expires_at_ms <= ? LIMIT ?)",
      to_unix_milliseconds(now), kSweptAtOnce);
  if (!swept) return swept;
  return connection.run(
      "INSERT INTO records (tenant, kind, id, value, version, expires_at_ms)"
      " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, kind, id) DO UPDATE SET"
      " value = excluded.value, version = excluded.version,"
      " expires_at_ms = excluded.expires_at_ms",
      std::string_view(tenant), std::string_view(kind), std::string_view(id),
      std::string_view(write.value), version, expires_column(write.expires));
}

Result<bool> erase_record(Connection& connection, const RecordKey& key,
                          std::optional<std::uint64_t> expected, WallTime now) {
  if (auto ok = check_expected(connection, key, expected, now); !ok) return forward_error(ok);
  auto erased = connection.run(
      "DELETE FROM records WHERE tenant = ? AND kind = ? AND id = ? AND expires_at_ms > ?",
      std::string_view(key.tenant), std::string_view(key.kind), std::string_view(key.id),
      to_unix_milliseconds(now));
  if (!erased) return forward_error(erased);
  const bool existed = connection.changes() > 0;
  if (expected && !existed) return record_conflict();
  return existed;
}

Result<> check_guard(Connection& connection, const RecordGuard& guard, WallTime now) {
  return check_expected(connection, guard.key, guard.version, now);
}

Result<std::optional<Record>> read_record(Connection& connection, const RecordKey& key,
                                          WallTime now) {
  auto select = connection.prepare(
      "SELECT kind, tenant, id, value, version, expires_at_ms FROM records"
      " WHERE tenant = ? AND kind = ? AND id = ? AND expires_at_ms > ?");
  if (!select) return forward_error(select);
  select->bind(std::string_view(key.tenant), std::string_view(key.kind), std::string_view(key.id),
               to_unix_milliseconds(now));
  auto row = select->step();
  if (!row) return forward_error(row);
  return *row ? std::optional(read_row(*select)) : std::nullopt;
}

Result<std::vector<Record>> list_records(Connection& connection, std::string_view kind,
                                         std::string_view tenant, std::string_view after_id,
                                         std::uint32_t limit, WallTime now) {
  auto select = connection.prepare(
      "SELECT kind, tenant, id, value, version, expires_at_ms FROM records"
      " WHERE tenant = ? AND kind = ? AND id > ? AND expires_at_ms > ? ORDER BY id LIMIT ?");
  if (!select) return forward_error(select);
  select->bind(tenant, kind, after_id, to_unix_milliseconds(now), limit);
  return read_rows(*select);
}

Result<std::vector<Record>> list_all_records(Connection& connection, std::string_view kind,
                                             std::uint32_t limit, WallTime now) {
  auto select = connection.prepare(
      "SELECT kind, tenant, id, value, version, expires_at_ms FROM records"
      " WHERE kind = ? AND expires_at_ms > ? LIMIT ?");
  if (!select) return forward_error(select);
  select->bind(kind, to_unix_milliseconds(now), limit);
  return read_rows(*select);
}

Result<std::vector<Record>> list_records_after(Connection& connection,
                                               const std::optional<RecordKey>& after,
                                               std::uint32_t limit, WallTime now) {
  const RecordKey before = after.value_or(RecordKey()); // no record has an empty key
  auto select = connection.prepare(
      "SELECT kind, tenant, id, value, version, expires_at_ms FROM records"
      " WHERE (tenant, kind, id) > (?, ?, ?) AND expires_at_ms > ?"
      " ORDER BY tenant, kind, id LIMIT ?");
  if (!select) return forward_error(select);
  select->bind(std::string_view(before.tenant), std::string_view(before.kind),
               std::string_view(before.id), to_unix_milliseconds(now), limit);
  return read_rows(*select);
}

Result<std::uint64_t> record_digest(Connection& connection, std::string_view kind) {
  auto select = connection.prepare(
      "SELECT count(*) + coalesce(sum(version & 4294967295), 0) FROM records WHERE kind = ?");
  if (!select) return forward_error(select);
  select->bind(kind);
  auto row = select->step();
  if (!row) return forward_error(row);
  return select->unsigned_integer(0);
}

} // namespace raglan::store
