#include "postgres_store/postgres_records.h"

#include <limits>

#include "base/log.h"
#include "base/unix_time.h"
#include "net/detach.h"

namespace raglan::postgres_store {
namespace {

using postgres::Rows;
using postgres::Statement;
using store::Record;
using store::RecordKey;

constexpr std::uint32_t kWritesPerSweep = 16;
constexpr std::chrono::seconds kSweepTimeout{10};

// More than this is never stored, and so is no version that anybody has seen.
constexpr std::uint64_t kMaxVersion = std::numeric_limits<std::int64_t>::max();

std::int64_t version_column(std::uint64_t version) {
  return static_cast<std::int64_t>(std::min(version, kMaxVersion));
}

// Those that have not expired, of which `condition` holds: its parameters begin with $2.
template <typename... Values>
Statement select_records(std::string_view condition, std::int64_t now_ms, const Values&... values) {
  return Statement(
      fmt::format("SELECT kind, tenant, id, value, version, expires_at_ms FROM raglan.record"
                  " WHERE expires_at_ms > $1::int8 AND {}",
                  condition),
      now_ms, values...);
}

Record read_row(const Rows& rows, std::size_t row) {
  return {.key = {std::string(rows.text(row, 0)), std::string(rows.text(row, 1)),
                  std::string(rows.text(row, 2))},
          .value = std::string(rows.text(row, 3)),
          .version = static_cast<std::uint64_t>(rows.int64(row, 4)),
          .expires = store::expires_from_column(rows.int64(row, 5))};
}

// Changes no row where another one than the expected is there.
Statement writing(const store::RecordWrite& write, std::uint64_t version, std::int64_t now_ms) {
  const auto& [kind, tenant, id] = write.key;
  constexpr std::string_view kInsert =
      "INSERT INTO raglan.record AS r (tenant, kind, id, value, version, expires_at_ms)"
      " VALUES ($1::text, $2::text, $3::text, $4::text, $5::int8, $6::int8)"
      " ON CONFLICT (tenant, kind, id) DO UPDATE SET value = excluded.value,"
      " version = excluded.version, expires_at_ms = excluded.expires_at_ms";
  const auto with = [&](std::string sql) {
    return Statement(sql, tenant, kind, id, write.value, version_column(version),
                     store::expires_column(write.expires));
  };
  if (!write.expected) return with(std::string(kInsert));
  if (*write.expected == 0) {
    return with(std::string(kInsert) + " WHERE r.expires_at_ms <= $7::int8").add(now_ms);
  }
  return with(
             "UPDATE raglan.record SET value = $4::text, version = $5::int8,"
             " expires_at_ms = $6::int8 WHERE tenant = $1::text AND kind = $2::text"
             " AND id = $3::text AND expires_at_ms > $7::int8 AND version = $8::int8")
      .add(now_ms)
      .add(version_column(*write.expected));
}

// Of all tenants. Nobody waits for a row that another one removes; and they are chosen once: a join
// might do that for each row.
Statement sweeping(std::int64_t now_ms) {
  return Statement(
      "WITH old AS MATERIALIZED"
      " (SELECT tenant, kind, id FROM raglan.record"
      "  WHERE expires_at_ms <= $1::int8 LIMIT 1000 FOR UPDATE SKIP LOCKED)"
      " DELETE FROM raglan.record AS r USING old"
      " WHERE r.tenant = old.tenant AND r.kind = old.kind AND r.id = old.id",
      now_ms);
}

} // namespace

Statement select_records_after(const std::optional<RecordKey>& after, std::uint32_t limit,
                               WallTime now) {
  const RecordKey before = after.value_or(RecordKey()); // no record has an empty key
  return select_records(
      "(tenant, kind, id) > ($2::text, $3::text, $4::text)"
      " ORDER BY tenant, kind, id LIMIT $5::int8",
      to_unix_milliseconds(now), before.tenant, before.kind, before.id, std::int64_t{limit});
}

std::vector<Record> read_records(const Rows& rows) {
  std::vector<Record> records;
  for (std::size_t row = 0; row < rows.size(); ++row) records.push_back(read_row(rows, row));
  return records;
}

std::int64_t PostgresRecords::now_ms() const { return to_unix_milliseconds(clock_.wall_now()); }

Statement holding(const store::RecordGuard& guard, WallTime now) {
  return Statement(
      "SELECT FROM raglan.record WHERE tenant = $1::text AND kind = $2::text AND id = $3::text"
      " AND version = $4::int8 AND expires_at_ms > $5::int8 FOR SHARE",
      guard.key.tenant, guard.key.kind, guard.key.id, version_column(guard.version),
      to_unix_milliseconds(now));
}

net::Task<Result<std::uint64_t>> PostgresRecords::write(store::RecordWrite write,
                                                        Deadline deadline) {
  if (auto ok = store::check_record(write); !ok) co_return forward_error(ok);
  const std::uint64_t version = store::make_record_version();
  auto written = co_await client_.execute(writing(write, version, now_ms()), deadline);
  if (!written) co_return forward_error(written);
  if (++writes_ % kWritesPerSweep == 0) {
    net::detach(co_await boost::asio::this_coro::executor, sweep());
  }
  if (written->changed() == 0) co_return store::record_conflict();
  co_return version;
}

// What is left of them is the next sweep's.
net::Task<void> PostgresRecords::sweep() {
  const Deadline deadline = Deadline::after(kSweepTimeout, clock_.now());
  auto swept = co_await client_.execute(sweeping(now_ms()), deadline);
  if (!swept) log_debug("expired records were not removed", {{"reason", swept.error().message}});
}

net::Task<Result<std::optional<Record>>> PostgresRecords::read(RecordKey key, Deadline deadline) {
  if (!store::is_record_key(key)) co_return std::nullopt;
  auto rows = co_await client_.execute(
      select_records("tenant = $2::text AND kind = $3::text AND id = $4::text", now_ms(),
                     key.tenant, key.kind, key.id),
      deadline);
  if (!rows) co_return forward_error(rows);
  if (rows->empty()) co_return std::nullopt;
  co_return read_row(*rows, 0);
}

net::Task<Result<bool>> PostgresRecords::erase(RecordKey key, std::optional<std::uint64_t> expected,
                                               Deadline deadline) {
  if (!store::is_record_key(key)) co_return false;
  Statement erasing(
      "DELETE FROM raglan.record WHERE tenant = $1::text AND kind = $2::text AND id = $3::text"
      " AND expires_at_ms > $4::int8 AND version = coalesce($5::int8, version)",
      key.tenant, key.kind, key.id, now_ms());
  if (expected) {
    erasing.add(version_column(*expected));
  } else {
    erasing.add(std::nullopt);
  }
  auto erased = co_await client_.execute(std::move(erasing), deadline);
  if (!erased) co_return forward_error(erased);
  if (erased->changed() > 0) co_return true;
  if (expected) co_return store::record_conflict();
  co_return false;
}

net::Task<Result<std::vector<Record>>> PostgresRecords::list(std::string kind, std::string tenant,
                                                             std::string after_id,
                                                             std::uint32_t limit,
                                                             Deadline deadline) {
  if (!store::is_record_list(kind, tenant, after_id)) co_return std::vector<Record>();
  auto rows = co_await client_.execute(
      select_records("tenant = $2::text AND kind = $3::text AND id > $4::text"
                     " ORDER BY id LIMIT $5::int8",
                     now_ms(), tenant, kind, after_id, std::int64_t{limit}),
      deadline);
  if (!rows) co_return forward_error(rows);
  co_return read_records(*rows);
}

net::Task<Result<std::vector<Record>>> PostgresRecords::list_all(std::string kind,
                                                                 std::uint32_t limit,
                                                                 Deadline deadline) {
  auto rows = co_await client_.execute(
      select_records("kind = $2::text LIMIT $3::int8", now_ms(), kind, std::int64_t{limit}),
      deadline);
  if (!rows) co_return forward_error(rows);
  co_return read_records(*rows);
}

net::Task<Result<std::uint64_t>> PostgresRecords::digest(std::string kind, Deadline deadline) {
  auto rows = co_await client_.execute(
      Statement("SELECT (count(*) + coalesce(sum(version & 4294967295), 0))::int8"
                " FROM raglan.record WHERE kind = $1::text",
                kind),
      deadline);
  if (!rows) co_return forward_error(rows);
  co_return static_cast<std::uint64_t>(rows->int64(0, 0));
}

} // namespace raglan::postgres_store
