// How much of its weight a host has that has just joined, or is back: its caches are empty, its
// connections not made, and its full share at once would make its first requests slow.
//
// From `floor` it grows linearly to 1 in `duration` (as in nginx and Envoy, with Envoy's
// floor). Strategies see it as part of HostLoad::weight; those that do not look at weights
// (round_robin) know no slow start.
//
// Pure.
#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.h"
#include "config/table.h"

namespace raglan::policy {

struct SlowStartConfig {
  std::chrono::milliseconds duration{30'000}; // 0: none
  double floor = 0.1;
};

inline void describe(config::Table<SlowStartConfig>& table) {
  using C = SlowStartConfig;
  table
      .field("duration", &C::duration,
             "in which a host that joins, or is back, comes to its full weight; 0 switches it off")
      .min(std::chrono::milliseconds(0))
      .max(std::chrono::hours(1));
  table.ratio("floor", &C::floor, "share of its weight that it begins with").min(0.01);
}

// In (0, 1]. A `joined` that is yet to come counts as now.
inline double slow_start_factor(const SlowStartConfig& config, MonotonicTime joined,
                                MonotonicTime now) {
  if (now - joined >= config.duration) return 1;
  const double elapsed =
      std::chrono::duration<double>(std::max(now - joined, Duration::zero())) / config.duration;
  return config.floor + (1 - config.floor) * elapsed;
}

} // namespace raglan::policy
