// Whether a cached value may be served, and whether it is time to compute it again.
//
//   early refresh            Before it expires, each reader refreshes it with a probability that
//                            rises as the end comes near, and the sooner the longer it took to
//                            compute: when now + cost × beta × −ln(uniform) ≥ expiry. Readers need
//                            not talk to each other for about one of them to do it in time. Of r
//                            readers a second the first is early by cost × (ln(cost × r) + 0.58) on
//                            average: nothing of an hour, much of a TTL of ten times the cost.
//                            (XFetch: Vattani, Chierichetti and Lowenstein, "Optimal Probabilistic
//                            Cache Stampede Prevention", VLDB 2015.)
//   stale while revalidate   For so long after it expired it is served, and refreshed behind.
//   stale if error           For so long after it expired it is served when computing it fails.
//                            (Both: RFC 5861.)
//
// Pure. A value of another generation of the data has another key and is never judged here.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>

#include "base/clock.h"
#include "base/rng.h"
#include "config/table.h"

namespace raglan::policy {

struct FreshnessConfig {
  double early_refresh_beta = 1;
  std::chrono::milliseconds stale_while_revalidate = std::chrono::minutes(1);
  std::chrono::milliseconds stale_if_error = std::chrono::hours(1);

  // How long after its expiry a value may still be of use.
  std::chrono::milliseconds grace() const {
    return std::max(stale_while_revalidate, stale_if_error);
  }
};

inline void describe(config::Table<FreshnessConfig>& table) {
  using C = FreshnessConfig;
  constexpr auto kMax = std::chrono::hours(24 * 365);
  table
      .field("early_refresh_beta", &C::early_refresh_beta,
             "how eagerly an entry is refreshed before it expires; 0: never, 1: as costs demand")
      .min(0)
      .max(100);
  table
      .field("stale_while_revalidate", &C::stale_while_revalidate,
             "how long an expired entry is served while it is refreshed")
      .max(kMax);
  table
      .field("stale_if_error", &C::stale_if_error,
             "how long an expired entry is served when computing it again fails")
      .max(kMax);
}

enum class Freshness : std::uint8_t {
  kFresh,        // serve it
  kRefreshEarly, // serve it, and refresh it
  kStale,        // the same, past its expiry
  kOnlyIfError,  // compute it anew; serve this if that fails
  kExpired,      // of no use
};

// `expires`: MonotonicTime::max() for never. `cost`: what computing the value took.
inline Freshness judge_freshness(const FreshnessConfig& config, MonotonicTime expires,
                                 Duration cost, MonotonicTime now, Rng& rng) {
  if (expires == MonotonicTime::max()) return Freshness::kFresh;
  const Duration left = expires - now;
  if (left > Duration::zero()) {
    const double eagerness = config.early_refresh_beta * static_cast<double>(cost.count());
    // −ln of the smallest value of uniform(); most readers need no random number.
    constexpr double kLargestDraw = 36.8;
    const auto remaining = static_cast<double>(left.count());
    if (eagerness * kLargestDraw < remaining) return Freshness::kFresh;
    const double draw = -std::log(1 - rng.uniform()); // uniform() may be 0, never 1
    return eagerness * draw >= remaining ? Freshness::kRefreshEarly : Freshness::kFresh;
  }
  if (-left < config.stale_while_revalidate) return Freshness::kStale;
  if (-left < config.stale_if_error) return Freshness::kOnlyIfError;
  return Freshness::kExpired;
}

} // namespace raglan::policy
