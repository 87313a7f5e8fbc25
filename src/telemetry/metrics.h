// Counters and gauges.
//
// A counter is split into shards, each on a cache line of its own, and a thread always adds to the
// same shard: threads on different cores do not pull one line back and forth, and an increment
// costs one uncontended atomic add. Reading sums the shards; a sum taken while others add is a
// value that the counter had or will have, never one that goes back.
//
// Thread safe. Neither can be copied: hold them where they live (metric_registry.h).
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace raglan::telemetry {

// More shards than cores gain nothing, and each series pays for all of them: 512 bytes a counter.
inline constexpr std::size_t kShards = 8;
inline constexpr std::size_t kCacheLineBytes = 64;

// Threads are dealt out to shards in the order in which they first ask.
inline std::size_t shard_of_this_thread() {
  constexpr std::size_t kNone = ~std::size_t{0};
  static constinit std::atomic<std::size_t> threads{0};
  static constinit thread_local std::size_t shard = kNone;
  if (shard == kNone) shard = threads.fetch_add(1, std::memory_order_relaxed) % kShards;
  return shard;
}

class Counter {
 public:
  Counter() = default;
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;

  void add(std::uint64_t amount = 1) {
    shards_[shard_of_this_thread()].value.fetch_add(amount, std::memory_order_relaxed);
  }

  std::uint64_t value() const {
    std::uint64_t sum = 0;
    for (const Shard& shard : shards_) sum += shard.value.load(std::memory_order_relaxed);
    return sum;
  }

 private:
  struct alignas(kCacheLineBytes) Shard {
    std::atomic<std::uint64_t> value{0};
  };
  std::array<Shard, kShards> shards_;
};

// A value that goes up and down. Not sharded: `set` must win over what was there.
class Gauge {
 public:
  Gauge() = default;
  Gauge(const Gauge&) = delete;
  Gauge& operator=(const Gauge&) = delete;

  void set(double value) { value_.store(value, std::memory_order_relaxed); }
  void add(double amount) { value_.fetch_add(amount, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

} // namespace raglan::telemetry
