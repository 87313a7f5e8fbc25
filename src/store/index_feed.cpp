#include "store/index_feed.h"

#include "store/analyzer.h"

#include <cstring>

namespace raglan::store {
namespace {

// A row for each chunk, in the order of documents and chunks: one statement for any number of them.
// A document's vectors come with its first chunk; a document without chunks is a row too. SQLite
// goes through the tables as they are written here (CROSS, LEFT) and through the chunks by their
// ids. That is not in ORDER BY, which would sort them all: ChunkRows checks it.
constexpr std::string_view kAllChunks =
    "SELECT d.first_chunk_id, d.chunk_count, c.chunk_id, c.title_path, c.text, "
    "CASE WHEN c.chunk_id = d.first_chunk_id THEN v.vectors END "
    "FROM documents d CROSS JOIN vectors v USING (document_key) "
    "LEFT JOIN chunks c ON c.chunk_id >= d.first_chunk_id "
    "AND c.chunk_id < d.first_chunk_id + d.chunk_count AND +c.document_key = d.document_key "
    "WHERE d.tenant = ?1 AND d.collection_id = ?2 AND ?3 = 0 ORDER BY d.document_key";

// A document that was replaced again since has another first chunk.
constexpr std::string_view kChunksAddedAfter =
    "SELECT d.first_chunk_id, d.chunk_count, c.chunk_id, c.title_path, c.text, "
    "CASE WHEN c.chunk_id = d.first_chunk_id THEN v.vectors END "
    "FROM changes h CROSS JOIN documents d ON d.tenant = h.tenant "
    "AND d.collection_id = h.collection_id AND d.id = h.document_id "
    "AND d.first_chunk_id = h.added_first_id CROSS JOIN vectors v USING (document_key) "
    "LEFT JOIN chunks c ON c.chunk_id >= d.first_chunk_id "
    "AND c.chunk_id < d.first_chunk_id + d.chunk_count AND +c.document_key = d.document_key "
    "WHERE h.tenant = ?1 AND h.collection_id = ?2 AND h.seq > ?3 AND h.added_count > 0 "
    "ORDER BY h.seq";

std::unexpected<Error> damaged() {
  return fail(ErrorCode::kCorrupt, "the store's file is damaged: vectors do not fit the chunks");
}

// Puts the rows together again: every document must have all of its chunks, in their order.
class ChunkRows {
 public:
  explicit ChunkRows(std::size_t dimension) : vector_(dimension) {}

  Result<> add(const Statement& row, IndexBatch& batch) {
    if (next_id_ == end_id_) {
      next_id_ = row.unsigned_integer(0);
      end_id_ = next_id_ + row.unsigned_integer(1);
      const std::span<const std::byte> vectors = row.blob(5);
      if (vectors.size() != (end_id_ - next_id_) * vector_bytes()) return damaged();
      vectors_.assign(vectors.begin(), vectors.end());
      vectors_read_ = 0;
      if (next_id_ == end_id_) return {};
    }
    if (row.unsigned_integer(2) != next_id_) return damaged();
    std::memcpy(vector_.data(), vectors_.data() + vectors_read_, vector_bytes());
    vectors_read_ += vector_bytes();
    batch.add(next_id_++, row.text(3), row.text(4), vector_);
    return {};
  }
  Result<> finish() const { return next_id_ == end_id_ ? Result<>{} : damaged(); }

 private:
  std::size_t vector_bytes() const { return vector_.size() * sizeof(float); }

  std::vector<float> vector_;
  std::vector<std::byte> vectors_; // of the document
  std::size_t vectors_read_ = 0;   // bytes
  std::uint64_t next_id_ = 0;      // of its chunks
  std::uint64_t end_id_ = 0;
};

} // namespace

void IndexBatch::add(std::uint64_t chunk_id, std::string_view title_path, std::string_view text,
                     std::span<const float> vector) {
  dimension_ = vector.size();
  chunk_ids_.push_back(chunk_id);
  texts_.push_back(indexed_text(title_path, text));
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
                           const std::function<Result<>()>& flush) {
  auto select = connection.prepare(after_seq == 0 ? kAllChunks : kChunksAddedAfter);
  if (!select) return forward_error(select);
  select->bind(std::string_view(source.tenant), source.collection_id, after_seq);
  ChunkRows rows(source.dimension);
  while (true) {
    auto row = select->step();
    if (!row) return forward_error(row);
    if (!*row) return rows.finish();
    if (auto ok = rows.add(*select, batch); !ok) return ok;
    if (!batch.full()) continue;
    if (auto ok = flush(); !ok) return ok;
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
