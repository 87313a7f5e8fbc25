// The in-memory index of one collection: what dense and lexical search look into.
//
// Immutable segments behind one snapshot (as in Lucene, and in O'Neil's LSM tree, 1996): a write
// adds a small segment, neighbours of similar size are merged, deletions are bitmaps beside the
// segments. A search takes the snapshot once and is undisturbed by writers. Statistics for BM25 are
// those of the live chunks, so scores do not depend on how the index came about.
//
// Dense: inner product of vectors of length 1. Exact below `graph_from_rows` chunks; above, an
// approximate graph (HNSW) over the large old segment and exact over the rest. `fold` does the
// merging and the graph's building that take longer than a write may (index_fold.h).
//
// Filters: up to `exact_filter_rows` allowed chunks are compared one by one; more are found in the
// graph, which walks through what is not allowed. Whenever the graph gives fewer than asked for,
// the exact scan answers: a filtered search always returns as many as match, up to `candidates`.
//
// Lexical: BM25 (Robertson and Zaragoza, 2009) with Lucene's idf, term at a time, never
// approximate. Each side gives its best `candidates`, and a candidate of one side gets its exact
// score from the other.
//
// Thread safety: `search`, `seq`, `size` and `save` may be called from any thread; `apply` by one
// thread at a time, and `fold` by one thread at a time, beside all of them.
//
//   CollectionIndex index(384, {});
//   index.apply({{chunk_id, "title and text", vector}}, {}, seq);
//   SearchResult found = index.search({.vector = query, .text = "question", .candidates = 100});
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/bm25.h"
#include "store/types.h"

namespace raglan::store {

struct IndexConfig {
  Bm25Config bm25;
  // From this size on, a part of the index gets a graph for approximate search.
  std::size_t graph_from_rows = 20'000;
  // Chunks beside the graph, searched exactly, before they are folded into it.
  std::size_t max_delta_rows = 8'192;
  // Candidates looked at for the links of a new chunk, and at least for a search (efConstruction
  // and ef of the paper).
  std::size_t graph_build_breadth = 100;
  std::size_t graph_search_breadth = 300;
  // A filter that matches no more than this is answered exactly.
  std::size_t exact_filter_rows = 30'000;
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

  // Chunks that come and go with the change `seq` and its nonce (Generation). Removing what is not
  // there is no error; a chunk that is added again must be removed in the same or an earlier call.
  void apply(std::span<const IndexEntry> added, std::span<const std::uint64_t> removed_chunk_ids,
             std::uint64_t seq, std::uint64_t nonce = 0);
  // Some of the chunks that come with a change, ahead of the `apply` that ends it: `seq` stays, and
  // until then the index is not saved, as what replays the change log onto it would add them twice.
  void apply_ahead(std::span<const IndexEntry> added);

  // One piece of background work: a merge, or a graph. Blocks for as long as that takes (a large
  // graph: a minute), disturbs neither searches nor `apply`, and gives up when `stopped` returns
  // true. Nothing when there was nothing to do, or it was stopped; otherwise whether a graph came
  // of it.
  struct Folded {
    bool graph = false;
  };
  std::optional<Folded> fold(const std::function<bool()>& stopped);

  std::uint64_t seq() const;
  std::uint64_t nonce() const; // of that change
  std::size_t size() const;    // live chunks
  // Live chunks that a search finds by a graph.
  std::size_t graph_size() const;

  // `generation` of the result is that of the snapshot searched; the epoch is the store's to
  // fill.
  SearchResult search(const Query& query) const;

  // A checked file: see snapshot_file.h. Errors of save: kConflict (between apply_ahead and apply:
  // later), kUnavailable, kDiskFull; of load: kNotFound, kCorrupt (damaged, or made for something
  // else): the caller rebuilds.
  Result<> save(const std::filesystem::path& path, const SnapshotStamp& stamp) const;
  static Result<std::unique_ptr<CollectionIndex>> load(const std::filesystem::path& path,
                                                       const SnapshotStamp& expected,
                                                       IndexConfig config);

 private:
  struct State;
  struct Commit {
    std::uint64_t seq = 0;
    std::uint64_t nonce = 0;
  };

  void add_and_remove(std::span<const IndexEntry> added,
                      std::span<const std::uint64_t> removed_chunk_ids,
                      std::optional<Commit> commit);

  std::shared_ptr<const State> state() const;
  void publish(std::shared_ptr<const State> state);

  const std::size_t dimension_;
  const IndexConfig config_;
  std::mutex writing_;            // held while a new state is made: milliseconds at most
  std::size_t folding_parts_ = 0; // guarded by writing_: so many first parts are being folded
  mutable std::mutex mutex_;      // guards the pointer only
  std::shared_ptr<const State> state_;
};

} // namespace raglan::store
