#include "store/document_reads.h"

#include <algorithm>

#include "base/json_escape.h"
#include "store/collection_table.h"
#include "store/rules.h"

namespace raglan::store {
namespace {

Hash128 read_hash(std::span<const std::byte> blob) {
  Hash128 hash;
  const auto bytes = std::as_writable_bytes(std::span(hash.bytes));
  std::ranges::copy(blob.first(std::min(blob.size(), bytes.size())), bytes.begin());
  return hash;
}

// Columns: id, title, uri, metadata, content_hash, updated_at_ms, chunk_count.
Document read_header(const Statement& row) {
  return {.id = std::string(row.text(0)),
          .title = std::string(row.text(1)),
          .uri = std::string(row.text(2)),
          .metadata_json = std::string(row.text(3)),
          .content_hash = read_hash(row.blob(4)),
          .updated_at = from_unix_milliseconds(row.integer(5)),
          .chunk_count = static_cast<std::uint32_t>(row.integer(6))};
}

std::unexpected<Error> damaged() {
  return fail(ErrorCode::kCorrupt, "the store's file is damaged");
}

std::vector<float> read_vectors(std::span<const std::byte> blob) {
  std::vector<float> vectors(blob.size() / sizeof(float));
  std::ranges::copy(blob.first(vectors.size() * sizeof(float)),
                    std::as_writable_bytes(std::span(vectors)).begin());
  return vectors;
}

// Of these documents, whose keys are given in the same order.
Result<> read_chunks(Connection& connection, std::span<const std::int64_t> document_keys,
                     std::span<PreparedDocument> documents) {
  auto select = connection.prepare(
      "SELECT wanted.key, h.chunk_id, h.ordinal, h.title_path, h.text, h.start_byte, h.end_byte "
      "FROM json_each(?) wanted CROSS JOIN chunks h ON h.document_key = wanted.value "
      "ORDER BY wanted.key, h.ordinal");
  if (!select) return forward_error(select);
  const std::string wanted = fmt::format("[{}]", fmt::join(document_keys, ","));
  select->bind(std::string_view(wanted));
  while (true) {
    auto row = select->step();
    if (!row) return forward_error(row);
    if (!*row) return {};
    PreparedDocument& prepared = documents[select->unsigned_integer(0)];
    prepared.chunks.push_back({.id = select->unsigned_integer(1),
                               .document_id = prepared.document.id,
                               .ordinal = static_cast<std::uint32_t>(select->integer(2)),
                               .title_path = std::string(select->text(3)),
                               .text = std::string(select->text(4)),
                               .start = select->unsigned_integer(5),
                               .end = select->unsigned_integer(6)});
  }
}

} // namespace

std::string json_array_of(std::span<const std::string_view> ids) {
  std::string json = "[";
  for (const std::string_view id : ids) {
    if (json.size() > 1) json += ',';
    json += is_document_id(id) ? '"' + json_escape(id) + '"' : "null";
  }
  return json + ']';
}

Result<Document> read_document(Connection& connection, const CollectionKey& key,
                               std::string_view document_id) {
  auto select = connection.prepare(
      "SELECT d.id, d.title, d.uri, d.metadata, d.content_hash, d.updated_at_ms, d.chunk_count, "
      "t.text FROM collections c JOIN documents d "
      "ON d.tenant = c.tenant AND d.collection_id = c.collection_id JOIN texts t USING "
      "(document_key) "
      "WHERE c.tenant = ? AND c.name = ? AND d.id = ?");
  if (!select) return forward_error(select);
  select->bind(std::string_view(key.tenant), std::string_view(key.name), document_id);
  auto row = select->step();
  if (!row) return forward_error(row);
  if (!*row) return fail(ErrorCode::kNotFound, "no such document");
  Document document = read_header(*select);
  document.text = select->text(7);
  return document;
}

Result<DocumentPage> read_page(Connection& connection, const CollectionKey& key,
                               std::string_view after_id, std::uint32_t limit) {
  auto snapshot = ReadTransaction::begin(connection); // the total belongs to the page
  if (!snapshot) return forward_error(snapshot);
  auto collection = find_collection(connection, key);
  if (!collection) return forward_error(collection);
  auto select = connection.prepare(
      "SELECT id, title, uri, metadata, content_hash, updated_at_ms, chunk_count FROM documents "
      "WHERE tenant = ? AND collection_id = ? AND id > ? ORDER BY id LIMIT ?");
  if (!select) return forward_error(select);
  const std::uint32_t page_size = std::min(limit, kMaxPageSize);
  select->bind(std::string_view(key.tenant), collection->id, after_id, page_size + 1);
  DocumentPage page{.total = collection->documents};
  while (true) {
    auto row = select->step();
    if (!row) return forward_error(row);
    if (!*row) return page;
    if (page.documents.size() == page_size) {
      page.more = true;
      return page;
    }
    page.documents.push_back(read_header(*select));
  }
}

Result<std::vector<std::optional<StoredVersion>>> read_stored_versions(
    Connection& connection, const CollectionKey& key, std::span<const std::string> document_ids) {
  std::vector<std::optional<StoredVersion>> versions(document_ids.size());
  auto select = connection.prepare(
      "SELECT wanted.key, d.content_hash, d.chunk_count FROM collections c "
      "CROSS JOIN json_each(?3) wanted CROSS JOIN documents d "
      "ON d.tenant = c.tenant AND d.collection_id = c.collection_id AND d.id = wanted.value "
      "WHERE c.tenant = ?1 AND c.name = ?2");
  if (!select) return forward_error(select);
  const std::vector<std::string_view> ids(document_ids.begin(), document_ids.end());
  const std::string wanted = json_array_of(ids);
  select->bind(std::string_view(key.tenant), std::string_view(key.name), std::string_view(wanted));
  while (true) {
    auto row = select->step();
    if (!row) return forward_error(row);
    if (!*row) return versions;
    versions.at(select->unsigned_integer(0)) = {
        .content_hash = read_hash(select->blob(1)),
        .chunks = static_cast<std::uint32_t>(select->integer(2))};
  }
}

Result<std::vector<PreparedDocument>> read_prepared(Connection& connection,
                                                    const CollectionKey& key,
                                                    std::span<const std::string> document_ids) {
  auto snapshot = ReadTransaction::begin(connection);
  if (!snapshot) return forward_error(snapshot);
  auto select = connection.prepare(
      "SELECT d.id, d.title, d.uri, d.metadata, d.content_hash, d.updated_at_ms, d.chunk_count, "
      "t.text, v.vectors, d.document_key, c.dimension FROM collections c "
      "CROSS JOIN json_each(?3) wanted CROSS JOIN documents d "
      "ON d.tenant = c.tenant AND d.collection_id = c.collection_id AND d.id = wanted.value "
      "LEFT JOIN texts t USING (document_key) LEFT JOIN vectors v USING (document_key) "
      "WHERE c.tenant = ?1 AND c.name = ?2 ORDER BY wanted.key");
  if (!select) return forward_error(select);
  const std::vector<std::string_view> ids(document_ids.begin(), document_ids.end());
  const std::string wanted = json_array_of(ids);
  select->bind(std::string_view(key.tenant), std::string_view(key.name), std::string_view(wanted));
  std::vector<PreparedDocument> documents;
  std::vector<std::int64_t> keys;
  while (true) {
    auto row = select->step();
    if (!row) return forward_error(row);
    if (!*row) break;
    PreparedDocument& prepared = documents.emplace_back(read_header(*select));
    prepared.document.text = select->text(7);
    prepared.vectors = read_vectors(select->blob(8));
    const auto dimension = static_cast<std::size_t>(select->integer(10));
    if (prepared.vectors.size() != prepared.document.chunk_count * dimension) return damaged();
    keys.push_back(select->integer(9));
  }
  if (auto ok = read_chunks(connection, keys, documents); !ok) return forward_error(ok);
  const auto is_whole = [](const PreparedDocument& prepared) {
    return prepared.chunks.size() == prepared.document.chunk_count;
  };
  if (!std::ranges::all_of(documents, is_whole)) return damaged();
  return documents;
}

Result<std::vector<Passage>> read_passages(Connection& connection, const CollectionKey& key,
                                           std::span<const std::uint64_t> chunk_ids) {
  auto select = connection.prepare(
      "SELECT h.chunk_id, d.id, h.ordinal, h.title_path, h.text, h.start_byte, h.end_byte, "
      "d.title, "
      "d.uri FROM collections c CROSS JOIN json_each(?3) wanted "
      "CROSS JOIN chunks h ON h.chunk_id = wanted.value CROSS JOIN documents d "
      "ON d.document_key = h.document_key AND d.tenant = c.tenant "
      "AND d.collection_id = c.collection_id "
      "WHERE c.tenant = ?1 AND c.name = ?2 ORDER BY wanted.key");
  if (!select) return forward_error(select);
  const std::string wanted = fmt::format("[{}]", fmt::join(chunk_ids, ","));
  select->bind(std::string_view(key.tenant), std::string_view(key.name), std::string_view(wanted));
  std::vector<Passage> passages;
  passages.reserve(chunk_ids.size());
  while (true) {
    auto row = select->step();
    if (!row) return forward_error(row);
    if (!*row) return passages;
    passages.push_back({.chunk = {.id = select->unsigned_integer(0),
                                  .document_id = std::string(select->text(1)),
                                  .ordinal = static_cast<std::uint32_t>(select->integer(2)),
                                  .title_path = std::string(select->text(3)),
                                  .text = std::string(select->text(4)),
                                  .start = select->unsigned_integer(5),
                                  .end = select->unsigned_integer(6)},
                        .title = std::string(select->text(7)),
                        .uri = std::string(select->text(8))});
  }
}

} // namespace raglan::store
