// The live indexes of a process, by collection.
//
//   auto index = shelf.at_least(readers, key, row);   // level with the row that was read
//
// Thread safety: all members may be called from any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "base/guarded.h"
#include "base/result.h"
#include "store/collection_table.h"
#include "store/live_index.h"
#include "store/reader_pool.h"

namespace raglan::store {

// Deletes the snapshots of collections that are no more, which were dropped while nobody had their
// index loaded.
void sweep_snapshots_of_dropped(const std::filesystem::path& folder, Connection& connection);

class IndexShelf {
 public:
  // Snapshots are kept in `folder`.
  IndexShelf(std::filesystem::path folder, std::uint64_t store_epoch, IndexConfig config)
      : folder_(std::move(folder)), store_epoch_(store_epoch), config_(config) {}

  // The collection's index at row.seq or later. The collection must have a dimension: something was
  // once written to it. Errors as LiveIndex::at_least: kNotFound when it has been deleted since.
  Result<std::shared_ptr<const CollectionIndex>> at_least(ReaderPool& readers,
                                                          const CollectionKey& key,
                                                          const CollectionRow& row,
                                                          const LiveIndex::Progress& progress = {});
  // This process writes to the collection: its index is wanted, too. Who only writes then leaves a
  // snapshot, and spares the next start the analysis of every text (at 10,000 chunks a second or so
  // against 10 ms).
  void want(const CollectionKey& key);
  // Gives up between two batches of chunks once `stopped` returns true.
  void load_wanted(ReaderPool& readers, const std::function<bool()>& stopped);
  // Brings the loaded indexes level with the database, and forgets those of deleted collections
  // with their snapshots.
  void keep_level(ReaderPool& readers);
  // The work that takes long: folds every loaded index, and saves those that changed by at least
  // `save_after_chunks`.
  void fold(std::uint64_t save_after_chunks, const std::function<bool()>& stopped);
  void for_each_loaded(const std::function<void(const CollectionIndex&)>& function) const;
  // The first error; the others are saved all the same.
  Result<> save(std::uint64_t min_chunks);

 private:
  struct Entry {
    CollectionKey key;
    LiveIndex index;
  };
  using Entries = std::map<std::int64_t, std::shared_ptr<Entry>>;

  std::shared_ptr<Entry> entry(const CollectionKey& key, const CollectionRow& row);
  Entries entries() const {
    return entries_.with([](const Entries& all) { return all; });
  }
  void keep_level(ReaderPool& readers, std::int64_t collection_id, Entry& kept);

  const std::filesystem::path folder_;
  const std::uint64_t store_epoch_;
  const IndexConfig config_;
  Guarded<Entries> entries_;
  Guarded<std::set<CollectionKey>> wanted_; // of collections that exist: no more than those
};

} // namespace raglan::store
