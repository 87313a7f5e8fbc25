// A thread that does a round of work again and again, with pauses, until it is stopped.
//
// A round is given a function that says whether to stop: long work asks it now and then. A thread
// for heavy work steps back behind the others (nice 10: a tenth of their share), so that searches
// keep the processors and the work is done all the same.
//
// Thread safety: `stop` may be called from any thread but the upkeep's own; it waits for the round
// that is under way.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include <sys/resource.h>
#include <unistd.h>

namespace raglan::store {

class Upkeep {
 public:
  using Stopped = std::function<bool()>;
  enum class Priority { kNormal, kLow };

  Upkeep(std::chrono::milliseconds pause, Priority priority,
         std::function<void(const Stopped&)> round)
      : pause_(pause), priority_(priority), round_(std::move(round)), thread_([this] { run(); }) {}
  ~Upkeep() { stop(); }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

 private:
  void run() {
    // On Linux a priority belongs to the thread, whatever POSIX says. Best effort.
    if (priority_ == Priority::kLow) {
      (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kLowNice);
    }
    const Stopped stopped = [this] { return stopping_.load(std::memory_order_relaxed); };
    while (!stopped_after_pause()) round_(stopped);
  }

  bool stopped_after_pause() {
    std::unique_lock lock(mutex_);
    return wake_.wait_for(lock, pause_, [this] { return stopping_.load(); });
  }

  static constexpr int kLowNice = 10;

  const std::chrono::milliseconds pause_;
  const Priority priority_;
  const std::function<void(const Stopped&)> round_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<bool> stopping_{false}; // set under mutex_
  std::thread thread_;                // last: starts when everything else is there
};

} // namespace raglan::store
