#include "store/index_feed.h"

#include <cstring>

namespace raglan::store {
namespace {

constexpr std::string_view kAllDocuments =
    "SELECT d.document_key, d.first_chunk_id, d.chunk_count, v.vectors FROM documents d "
    "JOIN vectors v USING (document_key) "
    "WHERE d.tenant = ?1 AND d.collection_id = ?2 AND ?3 = 0 ORDER BY d.document_key";

// A document that was replaced again since has another first chunk.
constexpr std::string_view kDocumentsAddedAfter =
    "SELECT d.document_key, d.first_chunk_id, d.chunk_count, v.vectors FROM changes h "
    "CROSS JOIN documents d ON d.tenant = h.tenant AND d.collection_id = h.collection_id "
    "AND d.id = h.document_id AND d.first_chunk_id = h.added_first_id "
    "CROSS JOIN vectors v USING (document_key) "
    "WHERE h.tenant = ?1 AND h.collection_id = ?2 AND h.seq > ?3 AND h.added_count > 0 "
    "ORDER BY h.seq";

std::unexpected<Error> damaged() {
  return fail(ErrorCode::kCorrupt, "the store's file is damaged: vectors do not fit the chunks");
}

struct DocumentVectors {
  std::int64_t document_key;
  std::uint64_t first_chunk_id;
  std::uint64_t chunk_count;
  std::span<const std::byte> vectors;
};

Result<> read_chunks(Connection& connection, const DocumentVectors& document, std::size_t dimension,
                     IndexBatch& batch, const std::function<void()>& flush) {
  const std::size_t vector_bytes = dimension * sizeof(float);
  if (document.vectors.size() != document.chunk_count * vector_bytes) return damaged();
  auto select = connection.prepare(
      "SELECT title_path, text FROM chunks WHERE chunk_id >= ? AND chunk_id < ? "
      "AND document_key = ? ORDER BY chunk_id");
  if (!select) return forward_error(select);
  select->bind(document.first_chunk_id, document.first_chunk_id + document.chunk_count,
               document.document_key);
  std::vector<float> vector(dimension);
  for (std::uint64_t i = 0; i < document.chunk_count; ++i) {
    auto row = select->step();
    if (!row) return forward_error(row);
    if (!*row) return damaged();
    const auto bytes = document.vectors.subspan(i * vector_bytes, vector_bytes);
    std::memcpy(vector.data(), bytes.data(), bytes.size()); // a blob is not aligned
    batch.add(document.first_chunk_id + i, select->text(0), select->text(1), vector);
    if (batch.full()) flush();
  }
  return {};
}

} // namespace

void IndexBatch::add(std::uint64_t chunk_id, std::string_view title_path, std::string_view text,
                     std::span<const float> vector) {
  dimension_ = vector.size();
  chunk_ids_.push_back(chunk_id);
  std::string& both = texts_.emplace_back(title_path);
  if (!both.empty()) both += '\n';
  both += text;
  vectors_.insert(vectors_.end(), vector.begin(), vector.end());
}

std::vector<IndexEntry> IndexBatch::entries() const {
  std::vector<IndexEntry> entries(size());
  for (std::size_t i = 0; i < size(); ++i) {
    entries[i] = {.chunk_id = chunk_ids_[i],
                  .text = texts_[i],
                  .vector = std::span(vectors_).subspan(i * dimension_, dimension_)};
  }
  return entries;
}

void IndexBatch::clear() {
  chunk_ids_.clear();
  texts_.clear();
  vectors_.clear();
}

Result<> read_added_chunks(Connection& connection, const FeedSource& source,
                           std::uint64_t after_seq, IndexBatch& batch,
                           const std::function<void()>& flush) {
  auto select = connection.prepare(after_seq == 0 ? kAllDocuments : kDocumentsAddedAfter);
  if (!select) return forward_error(select);
  select->bind(std::string_view(source.tenant), source.collection_id, after_seq);
  while (true) {
    auto row = select->step();
    if (!row) return forward_error(row);
    if (!*row) return {};
    const DocumentVectors document{select->integer(0), select->unsigned_integer(1),
                                   select->unsigned_integer(2), select->blob(3)};
    auto ok = read_chunks(connection, document, source.dimension, batch, flush);
    if (!ok) return ok;
  }
}

Result<std::vector<std::uint64_t>> read_removed_chunks(Connection& connection,
                                                       const FeedSource& source,
                                                       std::uint64_t after_seq) {
  std::vector<std::uint64_t> removed;
  if (after_seq == 0) return removed; // an index that starts empty
  auto select = connection.prepare(
      "SELECT removed_first_id, removed_count FROM changes "
      "WHERE tenant = ? AND collection_id = ? AND seq > ? AND removed_count > 0");
  if (!select) return forward_error(select);
  select->bind(std::string_view(source.tenant), source.collection_id, after_seq);
  while (true) {
    auto row = select->step();
    if (!row) return forward_error(row);
    if (!*row) return removed;
    const std::uint64_t first_id = select->unsigned_integer(0);
    const std::uint64_t end_id = first_id + select->unsigned_integer(1);
    for (std::uint64_t id = first_id; id < end_id; ++id) removed.push_back(id);
  }
}

} // namespace raglan::store
