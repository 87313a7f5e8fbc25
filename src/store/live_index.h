// A collection's index, kept level with the database.
//
// `at_least` is what makes a write that was acknowledged anywhere found by the next search: it
// loads the index (from its snapshot, or from the chunks when that is missing or does not fit),
// replays the change log up to the last commit, and only then hands the index out.
//
// The log is bounded: an index that stands before its oldest change is built anew from the chunks.
//
// While chunks are added in several batches, the index keeps its old seq, and the removals come
// with the last batch: a search in between may see a replaced document twice (its old passages are
// then gone from the database and left out), but never misses it.
//
// Thread safety: all members may be called from any thread. One thread at a time catches up; the
// others wait for it, as they need what it does, and keep no reader from those who read
// something else.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>

#include "base/guarded.h"
#include "base/result.h"
#include "store/collection_index.h"
#include "store/index_feed.h"
#include "store/reader_pool.h"
#include "store/sqlite.h"

namespace raglan::store {

// What of a collection's changes the log holds: those after `pruned_seq`, up to `last_seq`.
struct LogSpan {
  std::uint64_t pruned_seq = 0;
  std::uint64_t last_seq = 0;
  std::uint64_t last_nonce = 0; // of the commit last_seq
};

class LiveIndex {
 public:
  // Told how many chunks were loaded since it was last called; false gives up, with kDraining.
  using Progress = std::function<bool(std::size_t chunks)>;

  LiveIndex(FeedSource source, SnapshotStamp stamp, std::filesystem::path snapshot_path,
            IndexConfig config)
      : source_(std::move(source)),
        stamp_(std::move(stamp)),
        snapshot_path_(std::move(snapshot_path)),
        config_(config) {}

  // The index at `seq`, which has been committed, or later. Takes a reader only when it has to
  // catch up, and not while another thread does: the caller should hold none. kNotFound when the
  // collection is gone; as ReaderPool::acquire.
  Result<std::shared_ptr<const CollectionIndex>> at_least(ReaderPool& readers, std::uint64_t seq,
                                                          const Progress& progress = {});
  // Merges and builds graphs until nothing is left to do, or `stopped` returns true.
  void fold(const std::function<bool()>& stopped);
  // Saves a snapshot when at least `min_chunks` chunks came, went, or got a graph since the
  // last.
  Result<> save(std::uint64_t min_chunks);
  void erase_snapshot();

  // Loaded indexes are kept level in the background.
  bool loaded() const { return current() != nullptr; }
  // As it is now; null before it is loaded.
  std::shared_ptr<const CollectionIndex> current() const { return mine(); }

 private:
  std::shared_ptr<CollectionIndex> mine() const {
    return index_.with([](const auto& index) { return index; });
  }
  std::shared_ptr<CollectionIndex> load_snapshot(Connection& connection, const LogSpan& log);
  Result<> catch_up(Connection& connection, CollectionIndex& index, const LogSpan& log,
                    const Progress& progress);

  const FeedSource source_;
  const SnapshotStamp stamp_;
  const std::filesystem::path snapshot_path_;
  const IndexConfig config_;
  Guarded<std::shared_ptr<CollectionIndex>> index_; // null before it is loaded
  // The one kind of lock here that is held across I/O: whoever waits for it needs the outcome.
  std::mutex catching_up_;
  std::mutex saving_;
  // Came, went, or got a graph since the last snapshot: what a restart would have to do again.
  std::atomic<std::uint64_t> unsaved_chunks_{0};
};

} // namespace raglan::store
