// How much each tenant may ask for, by tier, exact over all nodes.
//
//   auto taken = co_await limits.acquire({"acme", Tier::kPaid}, {.tokens = estimate}, deadline);
//   if (!taken.decision.allowed) … 429
//   …
//   co_await limits.settle({"acme", Tier::kPaid}, taken, used);
//
// The buckets (policy/rate_limit.h) are in Redis, where there is one, and change there in one step,
// by its clock (the script: policy/integer_bucket.h). While Redis does not answer, each node gives
// out its share: the limit by the number of nodes that there were (redis/fleet.h). Without Redis a
// node has it all to itself.
//
// Never an error: whatever is wrong with Redis costs its time limit, and nothing while its breaker
// is open.
//
// Thread safety: any event loop of the client, concurrently. Client, fleet and clock must outlive
// it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/deadline.h"
#include "net/task.h"
#include "policy/rate_limit.h"
#include "policy/tier.h"
#include "redis/fleet.h"

namespace raglan::auth {

// Of the tiers that customers have.
struct RateLimitsConfig {
  policy::RateLimitConfig vip;
  policy::RateLimitConfig paid;
  policy::RateLimitConfig free;
};

struct Customer {
  std::string tenant;
  policy::Tier tier = policy::Tier::kPaid;
};

struct RateLimitsStats {
  // By tier: refusals because of each limit, and decisions without Redis, of its share.
  std::array<std::uint64_t, policy::kTiers> requests_exceeded{};
  std::array<std::uint64_t, policy::kTiers> tokens_exceeded{};
  std::uint64_t local = 0;
};

class RateLimits {
 public:
  // `redis` and `fleet` may be null, both.
  RateLimits(const RateLimitsConfig& config, redis::Client* redis, const redis::Fleet* fleet,
             const Clock& clock)
      : config_(config), redis_(redis), fleet_(fleet), clock_(clock) {}

  // Whether anything is limited for that tier.
  bool limits(policy::Tier tier) const;

  struct Taken {
    policy::RateLimitDecision decision;
    std::int64_t tokens = 0; // taken
    bool shared = false;     // from the fleet's buckets
  };
  // An estimate of more tokens than may come at once counts as so many: what is too long for its
  // tenant is known when it was written.
  net::Task<Taken> acquire(Customer customer, policy::RateLimitCost cost, Deadline deadline);
  // What it has used in fact. The estimate stands if this fails.
  net::Task<void> settle(Customer customer, Taken taken, std::int64_t used_tokens);

  RateLimitsStats stats() const;

 private:
  const policy::RateLimitConfig& of(policy::Tier tier) const;
  net::Task<std::optional<policy::RateLimitDecision>> ask_redis(const Customer& customer,
                                                                const policy::RateLimits& limits,
                                                                policy::RateLimitCost cost,
                                                                Deadline deadline);
  policy::RateLimits share_of(policy::Tier tier) const;
  void count(policy::Tier tier, const policy::RateLimitDecision& decision);

  const RateLimitsConfig config_;
  redis::Client* const redis_;
  const redis::Fleet* const fleet_;
  const Clock& clock_;
  policy::RateLimiter local_; // without Redis
  std::array<std::atomic<std::uint64_t>, policy::kTiers> requests_exceeded_{};
  std::array<std::atomic<std::uint64_t>, policy::kTiers> tokens_exceeded_{};
  std::atomic<std::uint64_t> decided_locally_ = 0;
};

} // namespace raglan::auth
