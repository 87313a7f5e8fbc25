#include "store/document_writes.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>

#include "base/utf8.h"
#include "store/collection_table.h"
#include "store/store.h"

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

std::unexpected<Error> invalid(std::string message, std::string param) {
  return fail(ErrorCode::kInvalidField, std::move(message), std::move(param));
}

Result<> check_chunks(const PreparedDocument& prepared, std::size_t dimension) {
  const std::string& text = prepared.document.text;
  for (std::size_t i = 0; i < prepared.chunks.size(); ++i) {
    const Chunk& chunk = prepared.chunks[i];
    if (chunk.start > chunk.end || chunk.end > text.size() ||
        std::string_view(text).substr(chunk.start, chunk.end - chunk.start) != chunk.text) {
      return invalid("a chunk is not a part of its document's text", "/text");
    }
    if (chunk.ordinal != i) return invalid("chunks are not in order", "/text");
    if (!is_valid_utf8(chunk.text) || !is_valid_utf8(chunk.title_path)) {
      return invalid("not valid UTF-8", "/text");
    }
  }
  if (prepared.vectors.size() != prepared.chunks.size() * dimension) {
    return invalid("vectors do not fit the chunks", "/text");
  }
  if (!std::ranges::all_of(prepared.vectors, [](float x) { return std::isfinite(x); })) {
    return invalid("a vector holds a value that is not finite", "/text");
  }
  return {};
}

Result<std::optional<StoredDocument>> find_document(Connection& connection, std::string_view tenant,
                                                    std::int64_t collection_id,
                                                    std::string_view id) {
  auto select = connection.prepare(
      "SELECT document_key, first_chunk_id, chunk_count, content_hash, metadata FROM documents "
      "WHERE tenant = ? AND collection_id = ? AND id = ?");
  if (!select) return forward_error(select);
  select->bind(tenant, collection_id, id);
  auto row = select->step();
  if (!row) return forward_error(row);
  if (!*row) return std::nullopt;
  StoredDocument found{.key = select->integer(0),
                       .chunks = {select->unsigned_integer(1), select->unsigned_integer(2)},
                       .metadata = std::string(select->text(4))};
  const auto hash = select->blob(3);
  if (hash.size() != found.content_hash.bytes.size()) {
    return fail(ErrorCode::kCorrupt, "the store's file is damaged");
  }
  std::ranges::copy(std::as_bytes(hash),
                    std::as_writable_bytes(std::span(found.content_hash.bytes)).begin());
  return found;
}

Result<> claim_embedding_space(Connection& connection, const CollectionRow& collection,
                               const EmbeddingSpace& space) {
  if (collection.dimension == 0) {
    return connection.run(
        "UPDATE collections SET embedder_id = ?, dimension = ? WHERE collection_id = ?",
        std::string_view(space.embedder_id), space.dimension, collection.id);
  }
  if (collection.embedder_id == space.embedder_id && collection.dimension == space.dimension) {
    return {};
  }
  return fail(ErrorCode::kConflict,
              fmt::format("collection \"{}\" holds vectors of the model {}, not of {}: ingest into "
                          "another collection, or delete this one first",
                          collection.name, collection.embedder_id, space.embedder_id));
}

// The chunks, texts and vectors go with the row; the change log is the caller's.
Result<> erase(Connection& connection, std::string_view tenant, std::int64_t collection_id,
               const StoredDocument& stored) {
  auto fields = parse_metadata(stored.metadata);
  if (!fields) return fail(ErrorCode::kCorrupt, "the store's file is damaged");
  auto ok = delete_fields(connection, {tenant, collection_id, stored.key}, *fields);
  if (!ok) return ok;
  return connection.run("DELETE FROM documents WHERE document_key = ?", stored.key);
}

Result<> insert_document_row(Connection& connection, std::string_view tenant,
                             std::int64_t collection_id, const PreparedDocument& prepared,
                             std::uint64_t first_chunk_id, WallTime now) {
  const Document& document = prepared.document;
  return connection.run(
      "INSERT INTO documents (tenant, collection_id, id, content_hash, updated_at_ms, "
      "first_chunk_id, chunk_count, title, uri, metadata) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      tenant, collection_id, std::string_view(document.id),
      std::as_bytes(std::span(document.content_hash.bytes)), to_unix_milliseconds(now),
      first_chunk_id, prepared.chunks.size(), std::string_view(document.title),
      std::string_view(document.uri), std::string_view(document.metadata_json));
}

Result<> insert_bodies(Connection& connection, std::int64_t document_key,
                       const PreparedDocument& prepared, std::uint64_t first_chunk_id) {
  auto ok = connection.run("INSERT INTO texts (document_key, text) VALUES (?, ?)", document_key,
                           std::string_view(prepared.document.text));
  if (ok) {
    ok = connection.run("INSERT INTO vectors (document_key, vectors) VALUES (?, ?)", document_key,
                        std::as_bytes(std::span(prepared.vectors)));
  }
  if (!ok) return ok;
  std::uint64_t chunk_id = first_chunk_id;
  for (const Chunk& chunk : prepared.chunks) {
    ok = connection.run(
        "INSERT INTO chunks (chunk_id, document_key, ordinal, start_byte, end_byte, title_path, "
        "text) VALUES (?, ?, ?, ?, ?, ?, ?)",
        chunk_id++, document_key, chunk.ordinal, chunk.start, chunk.end,
        std::string_view(chunk.title_path), std::string_view(chunk.text));
    if (!ok) return ok;
  }
  return {};
}

// AUTOINCREMENT keeps the highest id ever given out, deleted ones included.
Result<std::uint64_t> next_chunk_id(Connection& connection) {
  auto last = connection.query_integer("SELECT seq FROM sqlite_sequence WHERE name = 'chunks'");
  if (!last && last.error().code == ErrorCode::kNotFound) return 1;
  if (!last) return forward_error(last);
  return static_cast<std::uint64_t>(*last) + 1;
}

} // namespace

Result<std::vector<Field>> check_document(const PreparedDocument& prepared, std::size_t dimension,
                                          std::size_t max_metadata_bytes) {
  const Document& document = prepared.document;
  if (!is_document_id(document.id)) return invalid("not a document's id", "/id");
  if (!is_valid_utf8(document.title)) return invalid("not valid UTF-8", "/title");
  if (!is_valid_utf8(document.uri)) return invalid("not valid UTF-8", "/uri");
  if (!is_valid_utf8(document.text)) return invalid("not valid UTF-8", "/text");
  if (document.metadata_json.size() > max_metadata_bytes) {
    return fail(ErrorCode::kTooLarge, "the metadata is too large", "/metadata");
  }
  if (dimension == 0) return fail(ErrorCode::kUnavailable, "the store was opened without a model");
  if (auto ok = check_chunks(prepared, dimension); !ok) return forward_error(ok);
  return parse_metadata(document.metadata_json);
}

Result<WriteState> put_document(Connection& connection, const CollectionKey& key,
                                const EmbeddingSpace& space, const PreparedDocument& prepared,
                                const std::vector<Field>& fields, WallTime now) {
  const Document& document = prepared.document;
  const std::string_view tenant = key.tenant;
  auto collection = find_or_insert_collection(connection, key, now);
  if (!collection) return forward_error(collection);
  auto ok = claim_embedding_space(connection, *collection, space);
  if (!ok) return forward_error(ok);
  auto stored = find_document(connection, tenant, collection->id, document.id);
  if (!stored) return forward_error(stored);
  if (*stored && (*stored)->content_hash == document.content_hash) return WriteState::kUnchanged;

  auto first_chunk_id = next_chunk_id(connection);
  if (!first_chunk_id) return forward_error(first_chunk_id);
  if (*stored) ok = erase(connection, tenant, collection->id, **stored);
  if (ok) {
    ok = insert_document_row(connection, tenant, collection->id, prepared, *first_chunk_id, now);
  }
  const std::int64_t document_key = connection.last_insert_rowid();
  if (ok) ok = insert_bodies(connection, document_key, prepared, *first_chunk_id);
  if (ok) ok = insert_fields(connection, {tenant, collection->id, document_key}, fields);
  if (ok) {
    ok = record_change(connection, tenant, collection->id,
                       {.op = "put",
                        .document_id = document.id,
                        .removed = *stored ? (*stored)->chunks : ChunkRange{},
                        .added = {*first_chunk_id, prepared.chunks.size()},
                        .documents_delta = *stored ? 0 : 1});
  }
  if (!ok) return forward_error(ok);
  return WriteState::kIndexed;
}

Result<> remove_document(Connection& connection, const CollectionKey& key,
                         std::string_view document_id) {
  auto collection = find_collection(connection, key);
  if (!collection) return forward_error(collection);
  auto stored = find_document(connection, key.tenant, collection->id, document_id);
  if (!stored) return forward_error(stored);
  if (!*stored) return fail(ErrorCode::kNotFound, "no such document");
  if (auto ok = erase(connection, key.tenant, collection->id, **stored); !ok) return ok;
  return record_change(connection, key.tenant, collection->id,
                       {.op = "remove",
                        .document_id = document_id,
                        .removed = (*stored)->chunks,
                        .documents_delta = -1});
}

} // namespace raglan::store
