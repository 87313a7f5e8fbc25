// How many requests and tokens each tenant may use a minute, by tier.
//
// A bucket of each kind per tenant (policy/integer_bucket.h, which also says how Redis keeps them).
// Whoever asks takes their requests (one, or as many as there are questions in it) and the tokens
// these are estimated to use, both or nothing; when its real cost is
// known the difference is settled. An answer that was longer than estimated overdraws the bucket
// (by at most its size), and the next request waits for that; it is not refused in the middle of
// its answer.
//
// While Redis, which holds the fleet's buckets, is away, each node gives its tenants a share: limit
// / nodes, rounded down, but at least one.
//
// Bounds: `max_tenants` are remembered. A tenant whose buckets are full is as good as unknown, and
// is forgotten first; if there is none, the one whose buckets are full soonest, who thereby gets
// little too much.
//
// Thread safety: every member may be called from any thread.
//
//   const auto decision = limiter.acquire(tenant, limits, {.tokens = estimate}, now);
//   if (!decision.allowed) return rate_limited(decision.retry_after);
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/clock.h"
#include "base/guarded.h"
#include "config/table.h"
#include "policy/integer_bucket.h"

namespace raglan::policy {

// Of one tier: each of its tenants has this much.
struct RateLimitConfig {
  std::int64_t requests_per_minute = 0; // 0: no limit
  std::int64_t tokens_per_minute = 0;
  // So much of a minute's amount may be used at once.
  double burst_ratio = 1;
};

inline void describe(config::Table<RateLimitConfig>& table) {
  using C = RateLimitConfig;
  table
      .field("requests_per_minute", &C::requests_per_minute,
             "requests of each tenant of this tier; 0: no limit")
      .min(0)
      .max(IntegerBucket::kMaxAmount);
  table
      .field("tokens_per_minute", &C::tokens_per_minute,
             "tokens of each tenant of this tier; 0: no limit")
      .min(0)
      .max(IntegerBucket::kMaxAmount);
  table.ratio("burst_ratio", &C::burst_ratio, "share of a minute's amount that may come at once")
      .min(0.01);
}

struct RateLimits {
  IntegerBucketLimit requests;
  IntegerBucketLimit tokens;
};

// The limits of one of so many nodes that share them.
RateLimits rate_limits(const RateLimitConfig& config, std::size_t nodes = 1);

struct RateLimitCost {
  std::int64_t requests = 1;
  std::int64_t tokens = 0;
};

enum class RateLimitKind : std::uint8_t { kNone, kRequests, kTokens };

// For x-ratelimit-limit-*, -remaining-* and -reset-*. A limit of 0 is none: no header.
struct RateLimitUsage {
  std::int64_t limit = 0;
  std::int64_t remaining = 0;
  Duration reset{}; // until the bucket is full
};

struct RateLimitDecision {
  bool allowed = false;
  RateLimitKind exceeded = RateLimitKind::kNone; // the one that lasts longer
  bool never = false;                            // more than the bucket holds
  Duration retry_after{};                        // of a refusal that is not for ever
  RateLimitUsage requests;
  RateLimitUsage tokens;
};

struct TenantBuckets {
  IntegerBucket requests;
  IntegerBucket tokens;
};

// The decision on buckets kept anywhere; they change only when it is allowed.
RateLimitDecision decide_rate_limit(const RateLimits& limits, RateLimitCost cost,
                                    std::int64_t now_us, TenantBuckets& buckets);

class RateLimiter {
 public:
  explicit RateLimiter(std::size_t max_tenants = 100'000) : max_tenants_(max_tenants) {}

  RateLimitDecision acquire(std::string_view tenant, const RateLimits& limits, RateLimitCost cost,
                            MonotonicTime now);
  // It used so many tokens more than estimated; less when negative.
  void settle(std::string_view tenant, const RateLimits& limits, std::int64_t difference,
              MonotonicTime now);

  std::size_t tenants() const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  struct Tenant {
    TenantBuckets buckets;
    std::int64_t full_at_us = 0;
  };
  struct State {
    std::unordered_map<std::string, Tenant, Hash, std::equal_to<>> tenants;
    std::set<std::pair<std::int64_t, std::string_view>> by_full; // views of the map's keys
  };

  void keep(State& state, std::string_view name, const TenantBuckets& buckets,
            const RateLimits& limits, std::int64_t now_us) const;

  const std::size_t max_tenants_;
  Guarded<State> state_;
};

} // namespace raglan::policy
