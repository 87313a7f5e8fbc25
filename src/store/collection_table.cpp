#include "store/collection_table.h"

#include <algorithm>

#include "base/rng.h"
#include "base/utf8.h"
#include "store/bulk_insert.h"

namespace raglan::store {
namespace {

CollectionRow read_row(const Statement& row) {
  return {.id = row.integer(0),
          .name = std::string(row.text(1)),
          .embedder_id = std::string(row.text(2)),
          .dimension = static_cast<std::size_t>(row.integer(3)),
          .documents = row.unsigned_integer(4),
          .chunks = row.unsigned_integer(5),
          .seq = row.unsigned_integer(6),
          .created_at_ms = row.integer(7),
          .nonce = row.unsigned_integer(8)};
}

std::unexpected<Error> no_such_collection() {
  return fail(ErrorCode::kNotFound, "no such collection", "collection");
}

} // namespace

CollectionStats stats_of(const CollectionRow& row, std::uint64_t epoch) {
  return {.name = row.name,
          .documents = row.documents,
          .chunks = row.chunks,
          .generation = {epoch, row.seq, row.nonce},
          .created_at = from_unix_milliseconds(row.created_at_ms),
          .embedder_id = row.embedder_id};
}

Result<CollectionRow> find_collection(Connection& connection, const CollectionKey& key) {
  auto select = connection.prepare(
      "SELECT collection_id, name, embedder_id, dimension, documents, chunks, seq, created_at_ms, "
      "nonce FROM collections WHERE tenant = ? AND name = ?");
  if (!select) return forward_error(select);
  select->bind(std::string_view(key.tenant), std::string_view(key.name));
  auto row = select->step();
  if (!row) return forward_error(row);
  if (!*row) return no_such_collection();
  return read_row(*select);
}

Result<std::vector<CollectionRow>> list_collections(Connection& connection,
                                                    std::string_view tenant) {
  auto select = connection.prepare(
      "SELECT collection_id, name, embedder_id, dimension, documents, chunks, seq, created_at_ms, "
      "nonce FROM collections WHERE tenant = ? ORDER BY name");
  if (!select) return forward_error(select);
  select->bind(tenant);
  std::vector<CollectionRow> rows;
  while (true) {
    auto row = select->step();
    if (!row) return forward_error(row);
    if (!*row) return rows;
    rows.push_back(read_row(*select));
  }
}

Result<std::vector<StoredCollection>> stored_collections(Connection& connection) {
  auto select = connection.prepare(
      "SELECT tenant, name, embedder_id, dimension, documents, chunks FROM collections "
      "WHERE tenant <> '' ORDER BY tenant, name");
  if (!select) return forward_error(select);
  std::vector<StoredCollection> collections;
  while (true) {
    auto row = select->step();
    if (!row) return forward_error(row);
    if (!*row) return collections;
    collections.push_back(
        {.key = {std::string(select->text(0)), std::string(select->text(1))},
         .space = {std::string(select->text(2)), static_cast<std::size_t>(select->integer(3))},
         .documents = select->unsigned_integer(4),
         .chunks = select->unsigned_integer(5)});
  }
}

Result<> insert_collection(Connection& connection, const CollectionKey& key, WallTime now) {
  auto ok = connection.run(
      "INSERT INTO collections (tenant, name, created_at_ms) VALUES (?, ?, ?) "
      "ON CONFLICT DO NOTHING",
      std::string_view(key.tenant), std::string_view(key.name), to_unix_milliseconds(now));
  if (!ok) return ok;
  if (connection.changes() == 0) return fail(ErrorCode::kConflict, "the collection exists");
  const Change change{.op = "create"};
  return record_changes(connection, key.tenant, connection.last_insert_rowid(), {&change, 1});
}

Result<CollectionRow> find_or_insert_collection(Connection& connection, const CollectionKey& key,
                                                WallTime now) {
  auto row = find_collection(connection, key);
  if (row || row.error().code != ErrorCode::kNotFound) return row;
  if (auto ok = insert_collection(connection, key, now); !ok) return forward_error(ok);
  return find_collection(connection, key);
}

Result<> drop_collection(Connection& connection, const CollectionKey& key) {
  auto row = find_collection(connection, key);
  if (!row) return forward_error(row);
  return connection.run(
      "UPDATE collections SET dropped_tenant = tenant, tenant = '', "
      "name = CAST(collection_id AS TEXT) WHERE collection_id = ?",
      row->id);
}

Result<> record_changes(Connection& connection, std::string_view tenant, std::int64_t collection_id,
                        std::span<const Change> changes) {
  if (changes.empty()) return {};
  static const BulkInsert kInsert(
      "INSERT INTO changes (tenant, collection_id, op, document_id, removed_first_id, "
      "removed_count, added_first_id, added_count, nonce) VALUES",
      9);
  const auto nonce = static_cast<std::int64_t>(random_seed());
  auto ok = kInsert.run(connection, changes.size(), [&](Statement& row, int index, std::size_t i) {
    const Change& change = changes[i];
    row.bind_from(index, tenant, collection_id, change.op, change.document_id,
                  change.removed.first_id, change.removed.count, change.added.first_id,
                  change.added.count, nonce);
  });
  if (!ok) return ok;
  const std::int64_t seq = connection.last_insert_rowid();
  std::int64_t documents_delta = 0;
  std::int64_t chunks_delta = 0;
  for (const Change& change : changes) {
    documents_delta += change.documents_delta;
    chunks_delta += static_cast<std::int64_t>(change.added.count) -
                    static_cast<std::int64_t>(change.removed.count);
  }
  return connection.run(
      "UPDATE collections SET seq = ?, nonce = ?, logged_changes = logged_changes + ?, "
      "documents = documents + ?, chunks = chunks + ? WHERE collection_id = ?",
      seq, nonce, changes.size(), documents_delta, chunks_delta, collection_id);
}

} // namespace raglan::store
