// State behind a lock that costs nothing to share when nearly everybody only reads.
//
// A reader takes one lock of several, by its thread, so that readers on different cores write no
// memory in common: a mutex, or a counter of readers, would travel between their caches with each
// look. A writer takes all of them. (A "big-reader lock".) Eight locks make a write dear, some
// hundred nanoseconds: for state that is written seldom beside how often it is read.
//
// `Local` is what readers leave behind, one for each lock: counters, or changes that can wait for
// the next writer. Thread safe; hold no other lock of this kind, and do no I/O, inside a call.
//
//   ReadGuarded<std::map<Key, Value>, Hits> entries_;
//   entries_.read([&](const auto& entries, Hits& hits) { ++hits.count; return entries.at(key); });
//   entries_.write([&](auto& entries, auto& locals) { entries.erase(key); });
#pragma once

#include <array>
#include <cstddef>
#include <mutex>
#include <utility>

#include "telemetry/metrics.h"

namespace raglan::cache {

template <typename T, typename Local>
class ReadGuarded {
 public:
  // What `write` hands out: `for (auto& [mutex, local] : stripes)`.
  struct alignas(telemetry::kCacheLineBytes) Stripe {
    std::mutex mutex;
    Local local;
  };
  using Stripes = std::array<Stripe, telemetry::kShards>;

  template <typename F>
  auto read(F&& function) const {
    Stripe& stripe = stripes_[telemetry::shard_of_this_thread()];
    const std::lock_guard lock(stripe.mutex);
    return std::forward<F>(function)(value_, stripe.local);
  }

  template <typename F>
  auto write(F&& function) {
    const AllLocks locks(stripes_);
    return std::forward<F>(function)(value_, stripes_);
  }

  // Alone, without changing anything: to add up what the readers left.
  template <typename F>
  auto look_at_all(F&& function) const {
    const AllLocks locks(stripes_);
    return std::forward<F>(function)(value_, std::as_const(stripes_));
  }

 private:
  class AllLocks {
   public:
    explicit AllLocks(Stripes& stripes) : stripes_(stripes) {
      for (Stripe& stripe : stripes_) stripe.mutex.lock();
    }
    ~AllLocks() {
      for (Stripe& stripe : stripes_) stripe.mutex.unlock();
    }
    AllLocks(const AllLocks&) = delete;
    AllLocks& operator=(const AllLocks&) = delete;

   private:
    Stripes& stripes_;
  };

  T value_;
  mutable Stripes stripes_;
};

} // namespace raglan::cache
