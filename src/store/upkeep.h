// A thread that does a round of work again and again, with pauses, until it is stopped.
//
// Thread safety: `stop` may be called from any thread but the upkeep's own; it waits for the round
// that is under way.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace raglan::store {

class Upkeep {
 public:
  Upkeep(std::chrono::milliseconds pause, std::function<void()> round)
      : pause_(pause), round_(std::move(round)), thread_([this] { run(); }) {}
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
    while (!stopped_after_pause()) round_();
  }

  bool stopped_after_pause() {
    std::unique_lock lock(mutex_);
    return wake_.wait_for(lock, pause_, [this] { return stopping_; });
  }

  const std::chrono::milliseconds pause_;
  const std::function<void()> round_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false; // guarded by mutex_
  std::thread thread_;    // last: starts when everything else is there
};

} // namespace raglan::store
