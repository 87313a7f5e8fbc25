// How much may be used now: a bucket that fills at a steady rate up to its size, and from which
// every use takes.
//
// The bucket is a level and the time at which it was right (no timer fills it). A use that finds
// too little takes nothing. More than the size can never be taken.
//
// Thread safety: none; put it behind its owner's lock. `now` may run backwards: that fills nothing.
//
//   TokenBucket bucket({.per_second = 10, .size = 20}, clock.now());
//   if (!bucket.try_take(1, now)) return rate_limited(bucket.wait_for(1, now));
#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.h"

namespace raglan::policy {

struct TokenBucketConfig {
  double per_second = 1;
  double size = 1;
};

class TokenBucket {
 public:
  // Full at first.
  TokenBucket(TokenBucketConfig config, MonotonicTime now)
      : config_(config), level_(config.size), filled_at_(now) {}

  bool try_take(double amount, MonotonicTime now) {
    fill(now);
    if (amount > level_) return false;
    level_ -= amount;
    return true;
  }

  double available(MonotonicTime now) {
    fill(now);
    return level_;
  }

  // Until so much is there, if nobody takes any meanwhile; Duration::max() when it never will be.
  Duration wait_for(double amount, MonotonicTime now) {
    fill(now);
    if (amount <= level_) return Duration::zero();
    if (amount > config_.size || config_.per_second <= 0) return Duration::max();
    const std::chrono::duration<double> wait((amount - level_) / config_.per_second);
    if (wait >= Duration::max()) return Duration::max();
    // Rounded up: who waits so long finds it.
    return std::chrono::ceil<Duration>(wait) + Duration(1);
  }

 private:
  void fill(MonotonicTime now) {
    if (now <= filled_at_) return;
    const std::chrono::duration<double> passed = now - filled_at_;
    level_ = std::min(config_.size, level_ + passed.count() * config_.per_second);
    filled_at_ = now;
  }

  TokenBucketConfig config_;
  double level_;
  MonotonicTime filled_at_;
};

} // namespace raglan::policy
