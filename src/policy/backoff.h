// How long to wait before a retry: exponential, with full jitter.
//
// The nth wait (from 0) is uniform between zero and min(max_backoff, base_backoff × 2^n). Full
// jitter (Brooker, "Exponential Backoff And Jitter", 2015) spreads callers that failed together
// better than a fixed wait with a little noise. When the upstream said when to come back
// (Retry-After), the wait is that, plus the same jitter: never earlier, and not all at the same
// instant. It is not capped: whoever cannot wait so long (Deadline::allows) does not retry.
//
// Thread safety: none; one Backoff belongs to one request.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>

#include "base/clock.h"
#include "base/rng.h"
#include "config/table.h"

namespace raglan::policy {

struct BackoffConfig {
  std::chrono::milliseconds base_backoff{25};
  std::chrono::milliseconds max_backoff{2'500};
};

inline void describe(config::Table<BackoffConfig>& table) {
  using C = BackoffConfig;
  using std::chrono::milliseconds;
  table.field("base_backoff", &C::base_backoff, "longest wait before the first retry; doubles")
      .min(milliseconds(1));
  table.field("max_backoff", &C::max_backoff, "longest wait before any retry")
      .min(milliseconds(1))
      .max(std::chrono::hours(1));
  table.rule("base_backoff must not exceed max_backoff",
             [](const C& config) { return config.base_backoff <= config.max_backoff; });
}

class Backoff {
 public:
  explicit Backoff(BackoffConfig config = {}) : ceiling_(config.base_backoff), config_(config) {}

  // The wait before the next retry.
  Duration next(Rng& rng, std::optional<Duration> retry_after = std::nullopt) {
    const Duration ceiling = std::min<Duration>(ceiling_, config_.max_backoff);
    // Doubling stops at the maximum, so it cannot overflow.
    if (ceiling_ < config_.max_backoff) ceiling_ *= 2;
    const auto ticks = static_cast<std::uint64_t>(ceiling.count());
    const Duration jitter(static_cast<Duration::rep>(rng.below(ticks + 1)));
    return std::max(retry_after.value_or(Duration::zero()), Duration::zero()) + jitter;
  }

 private:
  Duration ceiling_; // of the next wait, before the maximum
  BackoffConfig config_;
};

} // namespace raglan::policy
