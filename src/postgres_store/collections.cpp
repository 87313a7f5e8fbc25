#include "postgres_store/collections.h"

#include "base/rng.h"
#include "base/unix_time.h"

namespace raglan::postgres_store {

using postgres::Statement;

namespace {

std::string select_where(std::string_view condition) {
  return "SELECT collection_id, name, embedder_id, dimension, documents, chunks, terms, seq, nonce,"
         " created_at_ms, hnsw FROM raglan.collection WHERE " +
         std::string(condition);
}

} // namespace

Statement select_collection(const store::CollectionKey& key) {
  return Statement(select_where("tenant = $1::text AND name = $2::text"), key.tenant, key.name);
}

Statement select_collections(const std::string& tenant) {
  return Statement(select_where("tenant = $1::text ORDER BY name"), tenant);
}

Result<CollectionRow> read_collection(const postgres::Rows& rows) {
  if (rows.empty()) return no_such_collection();
  return read_collection(rows, 0);
}

CollectionRow read_collection(const postgres::Rows& rows, std::size_t row) {
  const auto count = [&](std::size_t column) {
    return static_cast<std::uint64_t>(rows.int64(row, column));
  };
  const std::string embedder_id(rows.text(row, 2));
  return {.id = rows.int64(row, 0),
          .stats = {.name = std::string(rows.text(row, 1)),
                    .documents = count(4),
                    .chunks = count(5),
                    .generation = {.epoch = 0, .seq = count(7), .nonce = count(8)},
                    .created_at = from_unix_milliseconds(rows.int64(row, 9)),
                    .embedder_id = embedder_id},
          .space = {embedder_id, static_cast<std::size_t>(rows.int32(row, 3))},
          .terms = count(6),
          .hnsw = rows.boolean(row, 10)};
}

std::unexpected<Error> no_such_collection() {
  return fail(ErrorCode::kNotFound, "no such collection", "collection");
}

void add_change(std::vector<Statement>& statements, const std::string& tenant,
                std::int64_t collection_id, const CollectionChange& change) {
  statements.emplace_back(
      "SELECT FROM raglan.collection WHERE tenant = $1::text AND collection_id = $2::int8"
      " FOR NO KEY UPDATE",
      tenant, collection_id);
  statements.emplace_back(
      "UPDATE raglan.collection SET seq = (SELECT nextval('raglan.change_seq')), nonce = $3::int8,"
      " documents = documents + $4::int8, chunks = chunks + $5::int8, terms = terms + $6::int8"
      " WHERE tenant = $1::text AND collection_id = $2::int8",
      tenant, collection_id, static_cast<std::int64_t>(random_seed()), change.documents,
      change.chunks, change.terms);
}

} // namespace raglan::postgres_store
