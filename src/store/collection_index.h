// The in-memory index of one collection: what dense and lexical search look into.
//
// Immutable segments behind one snapshot (as in Lucene, and in O'Neil's LSM tree, 1996): a write
// adds a small segment, neighbours of similar size are merged, deletions are bitmaps beside the
// segments. A search takes the snapshot once and is undisturbed by writers. Statistics for BM25 are
// those of the live chunks, so scores do not depend on how the index came about.
//
// Dense: inner product of vectors of length 1. Lexical: BM25 (Robertson and Zaragoza, 2009) with
// Lucene's idf, term at a time. Each side gives its best `candidates`, and a candidate of one side
// gets its exact score from the other.
//
// Thread safety: `search`, `seq`, `size` and `save` may be called from any thread; `apply` by one
// thread at a time.
//
//   CollectionIndex index(384, {});
//   index.apply({{chunk_id, "title and text", vector}}, {}, seq);
//   SearchResult found = index.search({.vector = query, .text = "question", .candidates = 100});
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/types.h"

namespace raglan::store {

struct IndexConfig {
  // BM25's saturation and length normalisation.
  float bm25_k1 = 1.2f;
  float bm25_b = 0.75f;
};

struct IndexEntry {
  std::uint64_t chunk_id = 0;
  std::string_view text;         // title path and text: what BM25 sees
  std::span<const float> vector; // of the index's dimension, length 1
};

// What a stored snapshot must have been made for.
struct SnapshotStamp {
  std::uint64_t store_epoch = 0;
  std::string embedder_id;
  std::size_t dimension = 0;
};

class CollectionIndex {
 public:
  struct Query {
    std::span<const float> vector;                                   // empty: lexical only
    std::string_view text;                                           // empty: dense only
    std::optional<std::span<const std::uint64_t>> allowed_chunk_ids; // sorted; nullopt: all
    std::uint32_t candidates = 100;
    bool exact = false; // no approximate search
  };

  CollectionIndex(std::size_t dimension, IndexConfig config);
  ~CollectionIndex();
  CollectionIndex(const CollectionIndex&) = delete;
  CollectionIndex& operator=(const CollectionIndex&) = delete;

  // Chunks that come and go with the change `seq`. Removing what is not there is no error; a chunk
  // that is added again must be removed in the same or an earlier call.
  void apply(std::span<const IndexEntry> added, std::span<const std::uint64_t> removed_chunk_ids,
             std::uint64_t seq);

  std::uint64_t seq() const;
  std::size_t size() const; // live chunks

  // `generation.seq` of the result is that of the snapshot searched; the epoch is the store's to
  // fill.
  SearchResult search(const Query& query) const;

  // A checked file: see snapshot_file.h. Errors of load: kNotFound, kCorrupt (damaged, or made for
  // something else): the caller rebuilds.
  Result<> save(const std::filesystem::path& path, const SnapshotStamp& stamp) const;
  static Result<std::unique_ptr<CollectionIndex>> load(const std::filesystem::path& path,
                                                       const SnapshotStamp& expected,
                                                       IndexConfig config);

 private:
  struct State;

  std::shared_ptr<const State> state() const;
  void publish(std::shared_ptr<const State> state);

  const std::size_t dimension_;
  const IndexConfig config_;
  mutable std::mutex mutex_; // guards the pointer only
  std::shared_ptr<const State> state_;
};

} // namespace raglan::store
