#include "store/document_writes.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "store/bulk_insert.h"
#include "store/collection_table.h"
#include "store/document_reads.h"
#include "store/metadata_fields.h"
#include "store/rules.h"

namespace raglan::store {
namespace {

static_assert(std::endian::native == std::endian::little,
              "vectors are stored as they are in memory");

struct StoredDocument {
  std::int64_t key = 0;
  ChunkRange chunks;
  Hash128 content_hash;
  std::string metadata;
};

Result<StoredDocument> read_stored(const Statement& row) {
  StoredDocument found{.key = row.integer(1),
                       .chunks = {row.unsigned_integer(2), row.unsigned_integer(3)},
                       .metadata = std::string(row.text(5))};
  const auto hash = row.blob(4);
  if (hash.size() != found.content_hash.bytes.size()) {
    return fail(ErrorCode::kCorrupt, "the store's file is damaged");
  }
  std::ranges::copy(std::as_bytes(hash),
                    std::as_writable_bytes(std::span(found.content_hash.bytes)).begin());
  return found;
}

// What is stored under each of the ids.
Result<std::vector<std::optional<StoredDocument>>> find_documents(
    Connection& connection, std::string_view tenant, std::int64_t collection_id,
    std::span<const std::string_view> ids) {
  std::vector<std::optional<StoredDocument>> found(ids.size());
  auto select = connection.prepare(
      "SELECT wanted.key, d.document_key, d.first_chunk_id, d.chunk_count, d.content_hash, "
      "d.metadata FROM json_each(?3) wanted CROSS JOIN documents d "
      "ON d.tenant = ?1 AND d.collection_id = ?2 AND d.id = wanted.value");
  if (!select) return forward_error(select);
  const std::string wanted = json_array_of(ids);
  select->bind(tenant, collection_id, std::string_view(wanted));
  while (true) {
    auto row = select->step();
    if (!row) return forward_error(row);
    if (!*row) return found;
    auto stored = read_stored(*select);
    if (!stored) return forward_error(stored);
    found.at(select->unsigned_integer(0)) = std::move(*stored);
  }
}

Result<> claim_embedding_space(Connection& connection, const CollectionRow& collection,
                               const EmbeddingSpace& space) {
  if (collection.dimension == 0) {
    return connection.run(
        "UPDATE collections SET embedder_id = ?, dimension = ? WHERE collection_id = ?",
        std::string_view(space.embedder_id), space.dimension, collection.id);
  }
  return check_space_to_write(collection.name, {collection.embedder_id, collection.dimension},
                              space);
}

// The chunks, texts and vectors go with the rows; the change log is the caller's.
Result<> erase(Connection& connection, std::string_view tenant, std::int64_t collection_id,
               std::span<const StoredDocument* const> documents) {
  if (documents.empty()) return {};
  std::string keys;
  for (const StoredDocument* stored : documents) {
    auto fields = parse_metadata(stored->metadata);
    if (!fields) return fail(ErrorCode::kCorrupt, "the store's file is damaged");
    auto ok = delete_fields(connection, {tenant, collection_id, stored->key}, *fields);
    if (!ok) return ok;
    keys += (keys.empty() ? '[' : ',') + std::to_string(stored->key);
  }
  keys += ']';
  return connection.run(
      "DELETE FROM documents WHERE document_key IN (SELECT value FROM json_each(?))",
      std::string_view(keys));
}

// A document that is to be written, and the keys that it gets.
struct NewDocument {
  const PreparedDocument* prepared;
  std::int64_t key;
  std::uint64_t first_chunk_id;
  const Document& document() const { return prepared->document; }
};

Result<> insert_documents(Connection& connection, std::string_view tenant,
                          std::int64_t collection_id, std::span<const NewDocument> news,
                          WallTime now) {
  static const BulkInsert kInsert(
      "INSERT INTO documents (document_key, tenant, collection_id, id, content_hash, "
      "updated_at_ms, first_chunk_id, chunk_count, title, uri, metadata) VALUES",
      11);
  return kInsert.run(connection, news.size(), [&](Statement& row, int index, std::size_t i) {
    const NewDocument& added = news[i];
    const Document& document = added.document();
    const WallTime updated_at = document.updated_at == WallTime() ? now : document.updated_at;
    row.bind_from(index, added.key, tenant, collection_id, std::string_view(document.id),
                  std::as_bytes(std::span(document.content_hash.bytes)),
                  to_unix_milliseconds(updated_at), added.first_chunk_id,
                  added.prepared->chunks.size(), std::string_view(document.title),
                  std::string_view(document.uri), std::string_view(document.metadata_json));
  });
}

Result<> insert_texts_and_vectors(Connection& connection, std::span<const NewDocument> news) {
  static const BulkInsert kTexts("INSERT INTO texts (document_key, text) VALUES", 2);
  static const BulkInsert kVectors("INSERT INTO vectors (document_key, vectors) VALUES", 2);
  auto ok = kTexts.run(connection, news.size(), [&](Statement& row, int index, std::size_t i) {
    row.bind_from(index, news[i].key, std::string_view(news[i].document().text));
  });
  if (!ok) return ok;
  return kVectors.run(connection, news.size(), [&](Statement& row, int index, std::size_t i) {
    row.bind_from(index, news[i].key, std::as_bytes(std::span(news[i].prepared->vectors)));
  });
}

Result<> insert_chunks(Connection& connection, std::span<const NewDocument> news) {
  static const BulkInsert kInsert(
      "INSERT INTO chunks (chunk_id, document_key, ordinal, start_byte, end_byte, title_path, "
      "text) VALUES",
      7);
  std::vector<std::pair<const NewDocument*, const Chunk*>> chunks;
  for (const NewDocument& added : news) {
    for (const Chunk& chunk : added.prepared->chunks) chunks.emplace_back(&added, &chunk);
  }
  return kInsert.run(connection, chunks.size(), [&](Statement& row, int index, std::size_t i) {
    const auto& [added, chunk] = chunks[i];
    row.bind_from(index, added->first_chunk_id + chunk->ordinal, added->key, chunk->ordinal,
                  chunk->start, chunk->end, std::string_view(chunk->title_path),
                  std::string_view(chunk->text));
  });
}

// The keys that come next; AUTOINCREMENT keeps the highest ones ever given out, deleted ones
// included.
struct NextKeys {
  std::int64_t document = 1;
  std::uint64_t chunk = 1;
};

Result<NextKeys> next_keys(Connection& connection) {
  auto select = connection.prepare(
      "SELECT name = 'chunks', seq + 1 FROM sqlite_sequence WHERE name IN ('chunks', 'documents')");
  if (!select) return forward_error(select);
  NextKeys next;
  while (true) {
    auto row = select->step();
    if (!row) return forward_error(row);
    if (!*row) return next;
    if (select->integer(0) != 0) {
      next.chunk = select->unsigned_integer(1);
    } else {
      next.document = select->integer(1);
    }
  }
}

} // namespace

Result<std::vector<WriteState>> put_documents(Connection& connection, const CollectionKey& key,
                                              const EmbeddingSpace& space,
                                              std::span<const CheckedDocument> documents,
                                              WallTime now) {
  const std::string_view tenant = key.tenant;
  auto collection = find_or_insert_collection(connection, key, now);
  if (!collection) return forward_error(collection);
  auto ok = claim_embedding_space(connection, *collection, space);
  if (!ok) return forward_error(ok);
  std::vector<std::string_view> ids;
  for (const CheckedDocument& each : documents) ids.emplace_back(each.prepared->document.id);
  auto stored = find_documents(connection, tenant, collection->id, ids);
  if (!stored) return forward_error(stored);
  auto next = next_keys(connection);
  if (!next) return forward_error(next);

  std::vector<WriteState> states(documents.size(), WriteState::kUnchanged);
  std::vector<NewDocument> news;
  std::vector<const StoredDocument*> replaced;
  std::vector<FieldRow> fields;
  std::vector<Change> changes;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    const PreparedDocument& prepared = *documents[i].prepared;
    const std::optional<StoredDocument>& old = (*stored)[i];
    if (old && old->content_hash == prepared.document.content_hash) continue;
    states[i] = WriteState::kIndexed;
    if (old) replaced.push_back(&*old);
    for (const Field& field : *documents[i].fields) fields.push_back({next->document, &field});
    changes.push_back({.op = "put",
                       .document_id = prepared.document.id,
                       .removed = old ? old->chunks : ChunkRange{},
                       .added = {next->chunk, prepared.chunks.size()},
                       .documents_delta = old ? 0 : 1});
    news.push_back({&prepared, next->document++, next->chunk});
    next->chunk += prepared.chunks.size();
  }
  ok = erase(connection, tenant, collection->id, replaced);
  if (ok) ok = insert_documents(connection, tenant, collection->id, news, now);
  if (ok) ok = insert_texts_and_vectors(connection, news);
  if (ok) ok = insert_chunks(connection, news);
  if (ok) ok = insert_fields(connection, tenant, collection->id, fields);
  if (ok) ok = record_changes(connection, tenant, collection->id, changes);
  if (!ok) return forward_error(ok);
  return states;
}

Result<> remove_document(Connection& connection, const CollectionKey& key,
                         std::string_view document_id) {
  auto collection = find_collection(connection, key);
  if (!collection) return forward_error(collection);
  auto stored = find_documents(connection, key.tenant, collection->id, {&document_id, 1});
  if (!stored) return forward_error(stored);
  const std::optional<StoredDocument>& old = stored->front();
  if (!old) return fail(ErrorCode::kNotFound, "no such document");
  const StoredDocument* const removed = &*old;
  auto ok = erase(connection, key.tenant, collection->id, {&removed, 1});
  if (!ok) return ok;
  const Change change{
      .op = "remove", .document_id = document_id, .removed = old->chunks, .documents_delta = -1};
  return record_changes(connection, key.tenant, collection->id, {&change, 1});
}

} // namespace raglan::store
