// The one writer of a process: a thread that owns the writing connection and commits what waits.
//
// Group commit: a commit costs an fsync, whatever it holds. So the writer takes all writes that
// wait, runs each under its own savepoint in one BEGIN IMMEDIATE transaction, and commits them
// together; the callers return when that commit is durable. A write that fails is undone alone.
// When the transaction as a whole fails (a full disk), its writes are tried again one by one, so
// that each caller learns about its own.
//
// Checkpoints: several processes share the file, and the one that holds `<path>.checkpoint` folds
// the write-ahead log into the database when it is larger than `checkpoint_bytes`. It does so on
// this thread, between commits, as a log that is written to all the time would otherwise never
// start anew.
//
// Between commits the same thread sweeps what is no longer needed, a bounded piece at a time
// (sweep.h), so that no write waits for more than a piece.
//
// Thread safety: `write` and `write_all` may be called from any thread except the writer's own.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "store/file_lock.h"
#include "store/sqlite.h"

namespace raglan::store {

class Writer {
 public:
  struct Config { // as StoreConfig says
    std::filesystem::path path;
    std::size_t max_waiting;
    std::uint64_t checkpoint_bytes;
    std::uint64_t change_log_max;
  };
  // Runs on the writer's thread inside a transaction. May run more than once; only the last run's
  // effects remain, in the database and in what it captured.
  using Work = std::function<Result<>(Connection&)>;

  Writer(Connection connection, Config config, const Clock& clock);
  ~Writer(); // as stop()

  // Returns when the work is durable, or the error of the work or of the commit. kOverloaded when
  // max_waiting writes wait, kDraining after stop().
  Result<> write(const Work& work);
  // The same for many at once; each succeeds or fails alone.
  std::vector<Result<>> write_all(std::span<const Work> works);
  // Commits what waits, then ends the thread.
  void stop();
  std::size_t waiting() const;

 private:
  struct Job {
    const Work* work = nullptr;
    Result<> outcome;
    bool done = false;
  };

  void run();
  std::vector<Job*> take_waiting(std::chrono::milliseconds longest_wait);
  void commit(std::span<Job* const> jobs);
  Result<> run_group(std::span<Job* const> jobs, std::size_t& count);
  void commit_alone(Job& job);
  Result<> run_under_savepoint(const Work& work);
  void publish(std::span<Job* const> jobs);
  bool sweep_piece();
  void checkpoint_if_due();

  Connection connection_; // the writer thread's
  const Config config_;
  const Clock& clock_;
  std::optional<FileLock> checkpoint_lock_; // the writer thread's
  std::uint64_t next_checkpoint_bytes_;     // likewise
  MonotonicTime next_sweep_{};              // likewise

  mutable std::mutex mutex_;
  std::condition_variable wake_writer_;
  std::condition_variable wake_callers_;
  std::deque<Job*> waiting_; // guarded by mutex_, as are the jobs' `done`
  bool stopping_ = false;    // guarded by mutex_
  std::thread thread_;       // last: starts when everything else is there
};

} // namespace raglan::store
