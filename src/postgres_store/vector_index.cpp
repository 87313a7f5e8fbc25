#include "postgres_store/vector_index.h"

#include <fmt/format.h>

#include "base/log.h"

namespace raglan::postgres_store {
namespace {

using postgres::Session;
using postgres::Statement;

std::string name_of(std::int64_t collection_id) {
  return fmt::format("chunk_vector_hnsw_{}", collection_id);
}

} // namespace

bool wants_index(const CollectionRow& collection) {
  return !collection.hnsw && collection.stats.chunks >= kIndexFromChunks &&
         collection.space.dimension <= kMaxIndexedDimension;
}

net::Task<Result<bool>> build_index(Session& session, const std::string& tenant,
                                    const CollectionRow& collection, Deadline deadline) {
  const auto claim_seconds =
      static_cast<double>(std::chrono::duration_cast<std::chrono::seconds>(kClaim).count());
  auto claimed = co_await session.execute(
      Statement(
          "UPDATE raglan.collection SET upkeep_until = now() + make_interval(secs => $3::float8)"
          " WHERE tenant = $1::text AND collection_id = $2::int8 AND NOT hnsw"
          " AND upkeep_until < now()",
          tenant, collection.id, claim_seconds),
      deadline);
  if (!claimed) co_return forward_error(claimed);
  if (claimed->changed() == 0) co_return false;
  if (auto ok = co_await drop_index(session, collection.id, deadline); !ok) {
    co_return forward_error(ok);
  }
  log_info("an index of vectors is being built", {{"chunks", collection.stats.chunks}});
  auto built = co_await session.execute(
      Statement(fmt::format("CREATE INDEX CONCURRENTLY {} ON raglan.chunk_vector USING hnsw"
                            " ((embedding::vector({})) vector_ip_ops) WHERE collection_id = {}",
                            name_of(collection.id), collection.space.dimension, collection.id)),
      deadline);
  if (!built) co_return forward_error(built);
  auto used = co_await session.execute(
      Statement("UPDATE raglan.collection SET hnsw = true, upkeep_until = '-infinity'"
                " WHERE tenant = $1::text AND collection_id = $2::int8",
                tenant, collection.id),
      deadline);
  if (!used) co_return forward_error(used);
  co_return true;
}

net::Task<Result<>> drop_index(Session& session, std::int64_t collection_id, Deadline deadline) {
  auto dropped = co_await session.execute(
      Statement(fmt::format("DROP INDEX CONCURRENTLY IF EXISTS raglan.{}", name_of(collection_id))),
      deadline);
  if (!dropped) co_return forward_error(dropped);
  co_return Result<>();
}

} // namespace raglan::postgres_store
