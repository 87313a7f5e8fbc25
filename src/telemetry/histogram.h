// Distributions in fixed buckets, as Prometheus counts them.
//
// A bucket counts the observations up to and including its bound; one more bucket, without a bound,
// takes the rest. Sharded like a counter (metrics.h); an observation costs a search of the bounds
// and two uncontended atomic adds. The count is the sum of the buckets, so it always agrees with
// them.
//
// Percentiles come from a snapshot, over all time or, as the difference of two, over a window:
//
//   const HistogramSnapshot now = latency.snapshot();
//   const std::optional<double> p99 = now.since(before).quantile(0.99);
//
// Thread safe.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "telemetry/metrics.h"

namespace raglan::telemetry {

// Bounds beyond it are dropped: the last bucket takes what they would have taken.
inline constexpr std::size_t kMaxBounds = 23;

// 1 ms to 10 s, in seconds.
std::span<const double> latency_bounds();

struct HistogramSnapshot {
  std::vector<double> bounds;
  std::vector<std::uint64_t> counts; // one per bound, then the rest; not cumulative
  double sum = 0;

  std::uint64_t count() const;
  // What was observed after `earlier`, a snapshot of the same histogram.
  HistogramSnapshot since(const HistogramSnapshot& earlier) const;
  // Linear inside its bucket, like Prometheus' histogram_quantile: exact to a bucket's width. In
  // the last bucket it is the highest bound. `q` in [0, 1]; nullopt when nothing was observed.
  std::optional<double> quantile(double q) const;
};

class Histogram {
 public:
  // Bounds are sorted and made unique.
  explicit Histogram(std::span<const double> bounds = latency_bounds());
  Histogram(const Histogram&) = delete;
  Histogram& operator=(const Histogram&) = delete;

  // NaN is ignored: it belongs to no bucket and would spoil the sum for ever.
  void observe(double value);
  void observe(Duration duration) { observe(std::chrono::duration<double>(duration).count()); }

  HistogramSnapshot snapshot() const;

 private:
  struct alignas(kCacheLineBytes) Shard {
    std::atomic<double> sum{0};
    std::array<std::atomic<std::uint64_t>, kMaxBounds + 1> counts{};
  };

  std::size_t bound_count_ = 0;
  std::array<double, kMaxBounds> bounds_{};
  std::array<Shard, kShards> shards_;
};

} // namespace raglan::telemetry
