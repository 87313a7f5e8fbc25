#include "postgres_store/vector_index.h"

#include <fmt/format.h>

#include <optional>

#include "base/log.h"

namespace raglan::postgres_store {
namespace {

using postgres::Session;
using postgres::Statement;

struct Missing {
  std::string tenant;
  std::int64_t collection_id = 0;
  std::int32_t dimension = 0;
  std::int64_t chunks = 0;
};

std::string name_of(std::int64_t collection_id) {
  return fmt::format("chunk_vector_hnsw_{}", collection_id);
}

net::Task<Result<>> run(Session& session, Statement statement, Deadline deadline) {
  auto rows = co_await session.execute(std::move(statement), deadline);
  if (!rows) co_return forward_error(rows);
  co_return Result<>();
}

net::Task<Result<>> drop(Session& session, const std::string& name, Deadline deadline) {
  Statement statement(fmt::format("DROP INDEX CONCURRENTLY IF EXISTS raglan.{}", name));
  return run(session, std::move(statement), deadline);
}

net::Task<Result<>> drop_orphans(Session& session, Deadline deadline) {
  auto orphans = co_await session.execute(
      Statement("SELECT i.indexname FROM pg_indexes i WHERE i.schemaname = 'raglan'"
                " AND i.indexname LIKE 'chunk\\_vector\\_hnsw\\_%' AND i.indexname <> ALL (ARRAY("
                "SELECT 'chunk_vector_hnsw_' || c.collection_id FROM raglan.collection c))"),
      deadline);
  if (!orphans) co_return forward_error(orphans);
  for (std::size_t i = 0; i < orphans->size(); ++i) {
    auto dropped = co_await drop(session, std::string(orphans->text(i, 0)), deadline);
    if (!dropped) co_return dropped;
  }
  co_return Result<>();
}

net::Task<Result<std::optional<Missing>>> find_missing(Session& session, Deadline deadline) {
  auto rows = co_await session.execute(
      Statement("SELECT tenant, collection_id, dimension, chunks FROM raglan.collection"
                " WHERE NOT hnsw AND chunks >= $1::int8 AND dimension BETWEEN 1 AND $2::int8"
                " ORDER BY chunks DESC LIMIT 1",
                static_cast<std::int64_t>(kIndexFromChunks),
                static_cast<std::int64_t>(kMaxIndexedDimension)),
      deadline);
  if (!rows) co_return forward_error(rows);
  if (rows->empty()) co_return std::nullopt;
  co_return Missing{std::string(rows->text(0, 0)), rows->int64(0, 1), rows->int32(0, 2),
                    rows->int64(0, 3)};
}

net::Task<Result<>> build(Session& session, const Missing& missing, Deadline deadline) {
  const std::string name = name_of(missing.collection_id);
  auto valid = co_await session.execute(
      Statement("SELECT coalesce((SELECT indisvalid FROM pg_index WHERE indexrelid ="
                " to_regclass('raglan.' || $1::text)), false)",
                name),
      deadline);
  if (!valid) co_return forward_error(valid);
  if (!valid->boolean(0, 0)) {
    if (auto ok = co_await drop(session, name, deadline); !ok) co_return ok; // half of one
    log_info("an index of vectors is being built", {{"chunks", missing.chunks}});
    auto built =
        co_await run(session,
                     Statement(fmt::format(
                         "CREATE INDEX CONCURRENTLY {} ON raglan.chunk_vector USING hnsw"
                         " ((embedding::vector({})) vector_ip_ops) WITH (ef_construction = 128)"
                         " WHERE collection_id = {}",
                         name, missing.dimension, missing.collection_id)),
                     deadline);
    if (!built) co_return built;
    // Of the expression, without which the index is not thought to be of much use.
    auto analyzed = co_await run(session, Statement("ANALYZE raglan.chunk_vector"), deadline);
    if (!analyzed) co_return analyzed;
  }
  auto used =
      co_await session.execute(Statement("UPDATE raglan.collection SET hnsw = true"
                                         " WHERE tenant = $1::text AND collection_id = $2::int8",
                                         missing.tenant, missing.collection_id),
                               deadline);
  if (!used) co_return forward_error(used);
  if (used->changed() > 0) co_return Result<>();
  co_return co_await drop(session, name, deadline); // it was deleted meanwhile
}

// Somebody has the claim.
net::Task<Result<bool>> tend_claimed(Session& session, Deadline deadline) {
  if (auto ok = co_await drop_orphans(session, deadline); !ok) co_return forward_error(ok);
  auto missing = co_await find_missing(session, deadline);
  if (!missing) co_return forward_error(missing);
  if (!*missing) co_return false;
  auto built = co_await build(session, **missing, deadline);
  if (!built) co_return forward_error(built);
  co_return true;
}

} // namespace

bool wants_index(const CollectionRow& collection) {
  return !collection.hnsw && collection.stats.chunks >= kIndexFromChunks &&
         collection.space.dimension <= kMaxIndexedDimension;
}

net::Task<Result<bool>> tend_indexes(Session& session, Deadline deadline) {
  const auto claim_seconds =
      static_cast<double>(std::chrono::duration_cast<std::chrono::seconds>(kClaim).count());
  auto claimed = co_await session.execute(
      Statement("UPDATE raglan.store SET indexing_until = now() + make_interval(secs => $1::float8)"
                " WHERE indexing_until < now() AND NOT EXISTS (SELECT FROM pg_stat_activity"
                " WHERE datname = current_database() AND state = 'active'"
                " AND query LIKE 'CREATE INDEX CONCURRENTLY chunk\\_vector\\_hnsw\\_%')",
                claim_seconds),
      deadline);
  if (!claimed) co_return forward_error(claimed);
  if (claimed->changed() == 0) co_return false;
  auto done = co_await tend_claimed(session, deadline);
  auto given_back = co_await run(
      session, Statement("UPDATE raglan.store SET indexing_until = '-infinity'"), deadline);
  if (!given_back) co_return forward_error(given_back);
  co_return done;
}

} // namespace raglan::postgres_store
