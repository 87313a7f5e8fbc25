#include "telemetry/histogram.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace raglan::telemetry {

std::span<const double> latency_bounds() {
  static constexpr std::array kBounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                      0.25,  0.5,    1.0,   2.5,  5.0,   10.0};
  return kBounds;
}

std::uint64_t HistogramSnapshot::count() const {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

HistogramSnapshot HistogramSnapshot::since(const HistogramSnapshot& earlier) const {
  HistogramSnapshot window = *this;
  for (std::size_t i = 0; i < std::min(counts.size(), earlier.counts.size()); ++i) {
    window.counts[i] -= std::min(earlier.counts[i], counts[i]);
  }
  window.sum -= earlier.sum;
  return window;
}

std::optional<double> HistogramSnapshot::quantile(double q) const {
  const std::uint64_t total = count();
  if (total == 0) return std::nullopt;
  const double rank = std::clamp(q, 0.0, 1.0) * static_cast<double>(total);
  double below = 0; // observations in the buckets before
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    const auto inside = static_cast<double>(counts[i]);
    if (inside > 0 && below + inside >= rank) {
      const double high = bounds[i];
      const double low = i > 0 ? bounds[i - 1] : std::min(0.0, high);
      return low + (high - low) * (rank - below) / inside;
    }
    below += inside;
  }
  return bounds.empty() ? std::nullopt : std::optional(bounds.back());
}

Histogram::Histogram(std::span<const double> bounds) {
  std::vector<double> sorted(bounds.begin(), bounds.end());
  // Infinity is the last bucket, which is always there.
  std::erase_if(sorted, [](double bound) { return !std::isfinite(bound); });
  std::ranges::sort(sorted);
  sorted.erase(std::ranges::unique(sorted).begin(), sorted.end());
  bound_count_ = std::min(sorted.size(), kMaxBounds);
  std::copy_n(sorted.begin(), bound_count_, bounds_.begin());
}

void Histogram::observe(double value) {
  if (std::isnan(value)) return;
  const auto end = bounds_.begin() + static_cast<std::ptrdiff_t>(bound_count_);
  const auto bucket = std::lower_bound(bounds_.begin(), end, value) - bounds_.begin();
  Shard& shard = shards_[shard_of_this_thread()];
  shard.counts[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  shard.sum.fetch_add(value, std::memory_order_relaxed);
}

HistogramSnapshot Histogram::snapshot() const {
  HistogramSnapshot snapshot;
  snapshot.bounds.assign(bounds_.begin(),
                         bounds_.begin() + static_cast<std::ptrdiff_t>(bound_count_));
  snapshot.counts.resize(bound_count_ + 1);
  for (const Shard& shard : shards_) {
    for (std::size_t i = 0; i <= bound_count_; ++i) {
      snapshot.counts[i] += shard.counts[i].load(std::memory_order_relaxed);
    }
    snapshot.sum += shard.sum.load(std::memory_order_relaxed);
  }
  return snapshot;
}

} // namespace raglan::telemetry
