#include "postgres_store/document_reads.h"

#include <algorithm>
#include <utility>

#include "base/unix_time.h"
#include "postgres_store/collections.h"
#include "store/rules.h"

namespace raglan::postgres_store {
namespace {

using postgres::Rows;
using postgres::Session;
using postgres::Statement;

Hash128 read_hash(std::string_view bytes) {
  Hash128 hash;
  const std::size_t count = std::min(bytes.size(), hash.bytes.size());
  std::ranges::copy_n(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                      static_cast<std::ptrdiff_t>(count), hash.bytes.begin());
  return hash;
}

// Columns: id, title, uri, metadata, content_hash, updated_at_ms, chunk_count.
constexpr std::string_view kHeader =
    "d.id, d.title, d.uri, d.metadata, d.content_hash, d.updated_at_ms, d.chunk_count";

store::Document read_header(const Rows& rows, std::size_t row) {
  return {.id = std::string(rows.text(row, 0)),
          .title = std::string(rows.text(row, 1)),
          .uri = std::string(rows.text(row, 2)),
          .metadata_json = std::string(rows.text(row, 3)),
          .content_hash = read_hash(rows.text(row, 4)),
          .updated_at = from_unix_milliseconds(rows.int64(row, 5)),
          .chunk_count = static_cast<std::uint32_t>(rows.int32(row, 6))};
}

bool is_whole(const store::PreparedDocument& prepared) {
  return prepared.chunks.size() == prepared.document.chunk_count;
}

// Ids that no document has, and that the server may not take.
void clear_impossible(std::vector<std::string>& document_ids) {
  for (std::string& id : document_ids) {
    if (!store::is_document_id(id)) id.clear();
  }
}

} // namespace

std::unexpected<Error> no_such_document() { return fail(ErrorCode::kNotFound, "no such document"); }

Statement select_document(const store::CollectionKey& key, const std::string& document_id) {
  return Statement(fmt::format("SELECT {}, d.text FROM raglan.collection c JOIN raglan.document d"
                               " USING (tenant, collection_id) WHERE c.tenant = $1::text"
                               " AND c.name = $2::text AND d.id = $3::text",
                               kHeader),
                   key.tenant, key.name, document_id);
}

Result<store::Document> read_document(const Rows& rows) {
  if (rows.empty()) return no_such_document();
  store::Document document = read_header(rows, 0);
  document.text = rows.text(0, 7);
  return document;
}

Statement select_page(const store::CollectionKey& key, const std::string& after_id,
                      std::uint32_t limit) {
  const std::uint32_t most = std::min(limit, store::kMaxPageSize);
  return Statement(
      fmt::format("SELECT {} FROM raglan.collection c JOIN raglan.document d"
                  " USING (tenant, collection_id) WHERE c.tenant = $1::text AND c.name = $2::text"
                  " AND d.id > $3::text COLLATE \"C\" ORDER BY d.id LIMIT $4::int8",
                  kHeader),
      key.tenant, key.name, after_id, static_cast<std::int64_t>(most) + 1);
}

store::DocumentPage read_page(const CollectionRow& collection, const Rows& rows,
                              std::uint32_t limit) {
  const std::uint32_t most = std::min(limit, store::kMaxPageSize);
  store::DocumentPage page{
      .documents = {}, .total = collection.stats.documents, .more = rows.size() > most};
  for (std::size_t i = 0; i < std::min<std::size_t>(rows.size(), most); ++i) {
    page.documents.push_back(read_header(rows, i));
  }
  return page;
}

net::Task<Result<std::vector<std::optional<store::StoredVersion>>>> read_stored_versions(
    Session& session, const store::CollectionKey& key, std::vector<std::string> document_ids,
    Deadline deadline) {
  clear_impossible(document_ids);
  Statement select(
      "SELECT w.place, d.content_hash, d.chunk_count"
      " FROM unnest($3::text[]) WITH ORDINALITY AS w(id, place)"
      " JOIN raglan.collection c ON c.tenant = $1::text AND c.name = $2::text"
      " JOIN raglan.document d ON d.tenant = c.tenant AND d.collection_id = c.collection_id"
      " AND d.id = w.id",
      key.tenant, key.name, std::span<const std::string>(document_ids));
  auto rows = co_await session.execute(std::move(select), deadline);
  if (!rows) co_return forward_error(rows);
  std::vector<std::optional<store::StoredVersion>> versions(document_ids.size());
  for (std::size_t i = 0; i < rows->size(); ++i) {
    versions.at(static_cast<std::size_t>(rows->int64(i, 0)) - 1) = store::StoredVersion{
        read_hash(rows->text(i, 1)), static_cast<std::uint32_t>(rows->int32(i, 2))};
  }
  co_return versions;
}

Statement select_prepared(const store::CollectionKey& key, std::vector<std::string> document_ids) {
  clear_impossible(document_ids);
  // What may be long stands in the document's first row alone.
  return Statement(
      "SELECT d.id, d.title, d.uri, CASE WHEN coalesce(h.ordinal, 0) = 0 THEN d.metadata END,"
      " d.content_hash, d.updated_at_ms, d.chunk_count,"
      " CASE WHEN coalesce(h.ordinal, 0) = 0 THEN d.text END, c.dimension,"
      " h.chunk_id, h.ordinal, h.title_path, h.text, h.start_byte, h.end_byte, v.embedding"
      " FROM unnest($3::text[]) WITH ORDINALITY AS w(id, place)"
      " JOIN raglan.collection c ON c.tenant = $1::text AND c.name = $2::text"
      " JOIN raglan.document d ON d.tenant = c.tenant AND d.collection_id = c.collection_id"
      " AND d.id = w.id"
      " LEFT JOIN raglan.chunk h ON h.tenant = c.tenant AND h.collection_id = c.collection_id"
      " AND h.document_key = d.document_key"
      " LEFT JOIN raglan.chunk_vector v ON v.tenant = c.tenant"
      " AND v.collection_id = c.collection_id AND v.chunk_id = h.chunk_id"
      " ORDER BY w.place, h.ordinal",
      key.tenant, key.name, std::span<const std::string>(document_ids));
}

Result<std::vector<store::PreparedDocument>> read_prepared(const Rows& rows) {
  const auto damaged = [] { return fail(ErrorCode::kCorrupt, "the store's tables are damaged"); };
  std::vector<store::PreparedDocument> documents;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (documents.empty() || documents.back().document.id != rows.text(row, 0)) {
      if (!documents.empty() && !is_whole(documents.back())) return damaged();
      documents.push_back({.document = read_header(rows, row), .chunks = {}, .vectors = {}});
      documents.back().document.text = rows.text(row, 7);
    }
    if (rows.is_null(row, 9)) continue; // it has no chunks
    store::PreparedDocument& prepared = documents.back();
    prepared.chunks.push_back({.id = static_cast<std::uint64_t>(rows.int64(row, 9)),
                               .document_id = prepared.document.id,
                               .ordinal = static_cast<std::uint32_t>(rows.int32(row, 10)),
                               .title_path = std::string(rows.text(row, 11)),
                               .text = std::string(rows.text(row, 12)),
                               .start = static_cast<std::uint64_t>(rows.int64(row, 13)),
                               .end = static_cast<std::uint64_t>(rows.int64(row, 14))});
    const std::vector<float> vector = rows.vector(row, 15);
    if (vector.size() != static_cast<std::size_t>(rows.int32(row, 8))) return damaged();
    prepared.vectors.insert(prepared.vectors.end(), vector.begin(), vector.end());
  }
  if (!documents.empty() && !is_whole(documents.back())) return damaged();
  return documents;
}

Statement select_passages(const std::string& tenant, std::int64_t collection_id,
                          std::span<const std::uint64_t> chunk_ids) {
  std::vector<std::int64_t> ids;
  ids.reserve(chunk_ids.size());
  for (const std::uint64_t id : chunk_ids) ids.push_back(static_cast<std::int64_t>(id));
  return Statement(
      "SELECT h.chunk_id, d.id, h.ordinal, h.title_path, h.text, h.start_byte, h.end_byte, d.title,"
      " d.uri FROM unnest($3::int8[]) WITH ORDINALITY AS w(chunk_id, place)"
      " JOIN raglan.chunk h ON h.tenant = $1::text AND h.collection_id = $2::int8"
      " AND h.chunk_id = w.chunk_id"
      " JOIN raglan.document d ON d.tenant = $1::text AND d.collection_id = $2::int8"
      " AND d.document_key = h.document_key"
      " ORDER BY w.place",
      tenant, collection_id, std::span<const std::int64_t>(ids));
}

std::vector<store::Passage> read_passages(const Rows& rows) {
  std::vector<store::Passage> passages;
  passages.reserve(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    passages.push_back({.chunk = {.id = static_cast<std::uint64_t>(rows.int64(i, 0)),
                                  .document_id = std::string(rows.text(i, 1)),
                                  .ordinal = static_cast<std::uint32_t>(rows.int32(i, 2)),
                                  .title_path = std::string(rows.text(i, 3)),
                                  .text = std::string(rows.text(i, 4)),
                                  .start = static_cast<std::uint64_t>(rows.int64(i, 5)),
                                  .end = static_cast<std::uint64_t>(rows.int64(i, 6))},
                        .title = std::string(rows.text(i, 7)),
                        .uri = std::string(rows.text(i, 8))});
  }
  return passages;
}

} // namespace raglan::postgres_store
