// A fixed number of threads behind one bounded queue: where blocking work runs.
//
// A full queue refuses work at once (the caller answers 503); it never makes the caller wait,
// because the caller is an event loop. Work runs in the order it came. Cancelling queued work is
// its owner's business: the task looks at its own token when it starts (net/completion.h does).
//
// `stop` refuses new work, drops what is queued (destroying a task tells whoever waits for it),
// lets what is running finish, and joins. The destructor stops.
//
// Thread safety: all members may be called from any thread, stop and the destructor from one that
// is not the executor's own.
//
//   Executor search({.name = "search", .threads = 2, .max_queued = 256});
//   if (!search.try_submit([] { ... })) return overloaded();
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace raglan::runtime {

struct ExecutorConfig {
  std::string name; // of the threads; at most 15 characters are shown
  std::size_t threads = 1;
  std::size_t max_queued = 256;
};

class Executor {
 public:
  using Task = std::function<void()>;

  explicit Executor(ExecutorConfig config);
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // False, and the task destroyed, when the queue is full or the executor is stopped. A task must
  // not throw.
  bool try_submit(Task task);
  void stop();

  const std::string& name() const { return config_.name; }
  std::size_t queued() const; // waiting, not running
  std::uint64_t rejected() const { return rejected_.load(std::memory_order_relaxed); }

 private:
  void run();

  const ExecutorConfig config_;
  mutable std::mutex mutex_;
  std::condition_variable wakeup_;
  std::deque<Task> queue_;
  bool stopped_ = false;
  std::atomic<std::uint64_t> rejected_{0};
  std::vector<std::thread> threads_;
};

} // namespace raglan::runtime
