// Vectors on disk, by key: what makes a cache of embeddings survive its process. A SQLite file of
// its own beside the store's database, a cache itself: losing it costs time and nothing else.
//
//   auto shelf = EmbeddingShelf::open(folder / "embeddings.db", embedder_id, {}, ttl, clock);
//   shelf->insert_many({{key, bytes}});        // queued; written by a thread of the shelf's own
//   auto found = shelf->find_many(keys);       // one statement
//
// Only opening has errors. A value that cannot be read is not there; one that cannot be written is
// dropped, and the shelf lets kPauseAfterFailure pass before it tries again. A file that is
// damaged, another program's, of another format or of another embedder is begun anew
// (shelf_file.h), at run time too, kMaxRenewals times.
//
// Bounded: an insert first deletes the oldest rows until the file has room for it under
// `disk_bytes`; SQLite uses their pages again. Rows are in the order in which they were written,
// and one that is read while it is in the older half of a file that is more than half full moves to
// the front, so that what goes is roughly the least recently used. To write down each read would be
// exact, and a write per read. The write-ahead log comes on top: some 4 MB.
//
// Durability: a batch survives the process's death once it is written; a power cut may take the
// last seconds (synchronous=NORMAL), and nothing else.
//
// Several processes may share the file. Thread safety: all members, from any thread; find_many
// calls take turns.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "base/result.h"
#include "config/table.h"
#include "store/shelf_file.h"
#include "store/shelf_rows.h"

namespace raglan::store {

struct EmbeddingShelfConfig {
  std::uint64_t disk_bytes = 512 << 20; // 0: no shelf
};

// Less has no room for a batch.
inline constexpr std::uint64_t kMinShelfBytes = 4 << 20;

inline void describe(config::Table<EmbeddingShelfConfig>& table) {
  table
      .bytes(
          "disk_bytes", &EmbeddingShelfConfig::disk_bytes,
          "the file embeddings.db in the data folder, which keeps vectors over restarts; 0: none")
      .must("be 0 or at least 4MiB",
            [](std::uint64_t bytes) { return bytes == 0 || bytes >= kMinShelfBytes; });
}

struct EmbeddingShelfStats {
  std::uint64_t file_bytes = 0;
  std::uint64_t evicted = 0;    // rows
  std::uint64_t dropped = 0;    // values that were not written
  std::uint64_t failures = 0;   // reads and writes
  std::uint64_t statements = 0; // that were executed
};

class EmbeddingShelf {
 public:
  using Entry = ShelfEntry;
  struct Found {
    std::string value;
    std::chrono::milliseconds age{};
  };

  static constexpr std::size_t kMaxQueuedBytes = 16 << 20;
  static constexpr std::size_t kMaxBatchBytes = 512 << 10; // of one transaction
  static constexpr std::size_t kMaxUsedAtOnce = 256;       // rows that one moves to the front
  static constexpr std::chrono::seconds kPauseAfterFailure{10};
  static constexpr int kMaxRenewals = 3;

  // Values older than `ttl` are not found; zero: all are. Errors: kDiskFull, kUnavailable (the file
  // or its folder cannot be used), kConflict (it is not ours, and another process uses it).
  static Result<std::unique_ptr<EmbeddingShelf>> open(const std::filesystem::path& path,
                                                      std::string embedder_id,
                                                      EmbeddingShelfConfig config,
                                                      std::chrono::milliseconds ttl,
                                                      const Clock& clock);
  ~EmbeddingShelf(); // closes
  EmbeddingShelf(const EmbeddingShelf&) = delete;
  EmbeddingShelf& operator=(const EmbeddingShelf&) = delete;

  // One element per key, in their order. Blocks on disk.
  std::vector<std::optional<Found>> find_many(std::span<const Hash128> keys);
  // Does not block; what does not fit into the queue is dropped.
  void insert_many(std::vector<Entry> entries);
  // Removes the entries of a scope, or all, also those that wait: how many there were. Blocks.
  std::uint64_t purge(std::optional<std::uint64_t> scope);

  EmbeddingShelfStats stats() const;
  // Writes what waits; afterwards nothing is found or inserted. Idempotent.
  void close();

 private:
  struct Purge {
    std::optional<std::uint64_t> scope;
    std::promise<std::uint64_t> removed;
  };
  struct Batch {
    std::vector<Purge> purges; // first
    std::vector<Entry> entries;
    std::vector<Hash128> used; // to be moved to the front
    std::size_t bytes = 0;
  };

  EmbeddingShelf(std::filesystem::path path, std::string embedder_id, EmbeddingShelfConfig config,
                 std::chrono::milliseconds ttl, const Clock& clock);
  Result<> open_file();
  void ask_for_renewal();
  void note_used(std::int64_t id, const Hash128& key);

  void run();
  std::optional<Batch> take_batch();
  void write(Batch& batch);
  std::uint64_t remove(std::optional<std::uint64_t> scope);
  Result<> write_in_transaction(const Batch& batch);
  Result<> write_rows(const Batch& batch);
  Result<> look_around();
  void renew(std::string_view reason);

  const std::filesystem::path path_;
  const std::string embedder_id_;
  const EmbeddingShelfConfig config_;
  const std::chrono::milliseconds ttl_;
  const Clock& clock_;
  StatementCounts statements_;
  std::atomic<std::uint64_t> evicted_ = 0;
  std::atomic<std::uint64_t> dropped_ = 0;
  std::atomic<std::uint64_t> failures_ = 0;
  std::atomic<std::uint64_t> file_bytes_ = 0;
  std::atomic<std::int64_t> old_ids_end_ = 0; // rows below have not been used for long
  std::atomic<bool> damaged_ = false;         // the reader saw it; the writer begins anew

  std::optional<ShelfFile> file_; // the writing thread's, but for `reader`
  std::mutex reader_mutex_;
  Connection* reader_ = nullptr; // file_'s; guarded by reader_mutex_
  MonotonicTime paused_until_{}; // the writing thread's
  int renewals_ = 0;             // likewise

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Entry> waiting_; // guarded by mutex_, as are the next four
  std::vector<Purge> purges_;
  std::vector<Hash128> used_; // bounded by kMaxUsed
  std::size_t waiting_bytes_ = 0;
  bool closing_ = false;
  std::thread writer_; // last: starts when everything else is there
};

} // namespace raglan::store
