#include "policy/rate_limit.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/rng.h"

namespace raglan::policy {
namespace {

using namespace std::chrono_literals;

constexpr MonotonicTime kStart{1h};
constexpr std::int64_t kMinute = IntegerBucket::kMinuteUs;

TEST(IntegerBucket, GivesExactlyItsSizeThoughAMinuteIsNoMultiple) {
  const IntegerBucketLimit limit{.per_minute = 7, .size = 7};
  IntegerBucket bucket;
  for (int i = 0; i < 7; ++i) {
    EXPECT_EQ(remaining_in(limit, bucket), 7 - i);
    bucket = taken(limit, bucket, 1).value();
  }
  EXPECT_FALSE(taken(limit, bucket, 1));
  EXPECT_EQ(full_in_us(limit, bucket), kMinute);
  // A seventh of a minute is 8,571,428.6 µs.
  EXPECT_EQ(wait_us(limit, bucket, 1), 8'571'429);
  EXPECT_FALSE(taken(limit, filled(limit, bucket, 8'571'428), 1));
  EXPECT_TRUE(taken(limit, filled(limit, bucket, 8'571'429), 1));
}

TEST(IntegerBucket, TokensThatCostLessThanAMicrosecondCostSomething) {
  const IntegerBucketLimit limit{.per_minute = IntegerBucket::kMaxAmount,
                                 .size = IntegerBucket::kMaxAmount};
  auto bucket = taken(limit, {}, 1).value();
  EXPECT_EQ(remaining_in(limit, bucket), IntegerBucket::kMaxAmount - 1);
  bucket = taken(limit, bucket, IntegerBucket::kMaxAmount - 1).value();
  EXPECT_FALSE(taken(limit, bucket, 1));
  EXPECT_LT(bucket.missing, std::int64_t{1} << 53); // a Lua number is exact up to there
}

TEST(IntegerBucket, FillsToItsSizeAndTimeThatRunsBackwardsFillsNothing) {
  const IntegerBucketLimit limit{.per_minute = 60, .size = 10};
  const auto empty = taken(limit, {0, 5 * kMinute}, 10).value();
  EXPECT_EQ(filled(limit, empty, 0).missing, empty.missing);
  EXPECT_EQ(remaining_in(limit, filled(limit, empty, 5 * kMinute + 999'999)), 0);
  EXPECT_EQ(remaining_in(limit, filled(limit, empty, 5 * kMinute + 1'000'000)), 1);
  EXPECT_EQ(remaining_in(limit, filled(limit, empty, std::int64_t{1} << 52)), 10);
}

TEST(IntegerBucket, ACorrectionOverdrawsItByNoMoreThanItsSize) {
  const IntegerBucketLimit limit{.per_minute = 60, .size = 10};
  const auto over = corrected(limit, {}, 1'000);
  EXPECT_EQ(over.missing, 20 * kMinute);
  EXPECT_EQ(remaining_in(limit, over), 0);
  EXPECT_EQ(wait_us(limit, over, 1), 11'000'000);
  EXPECT_EQ(corrected(limit, over, -1'000).missing, 0);
}

constexpr RateLimits kLimits{.requests = {60, 3}, .tokens = {6'000, 1'000}};

TEST(RateLimiter, WithoutLimitsEverythingIsAllowed) {
  RateLimiter limiter;
  const auto decision = limiter.acquire("a", rate_limits({}), {.tokens = 1'000'000}, kStart);
  EXPECT_TRUE(decision.allowed);
  EXPECT_EQ(decision.requests.limit, 0);
}

TEST(RateLimiter, SaysWhatTheHeadersNeed) {
  RateLimiter limiter;
  const auto decision = limiter.acquire("a", kLimits, {.tokens = 100}, kStart);
  EXPECT_TRUE(decision.allowed);
  EXPECT_EQ(decision.requests.limit, 3);
  EXPECT_EQ(decision.requests.remaining, 2);
  EXPECT_EQ(decision.requests.reset, 1s);
  EXPECT_EQ(decision.tokens.limit, 1'000);
  EXPECT_EQ(decision.tokens.remaining, 900);
  EXPECT_EQ(decision.tokens.reset, 1s);
}

TEST(RateLimiter, RefusesAtTheLimitAndAllowsWhenRetryAfterIsOver) {
  RateLimiter limiter;
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(limiter.acquire("a", kLimits, {.tokens = 1}, kStart).allowed);
  const auto refused = limiter.acquire("a", kLimits, {.tokens = 1}, kStart);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.exceeded, RateLimitKind::kRequests);
  EXPECT_EQ(refused.retry_after, 1s);
  EXPECT_EQ(refused.requests.remaining, 0);
  EXPECT_FALSE(limiter.acquire("a", kLimits, {.tokens = 1}, kStart + 1s - 1us).allowed);
  EXPECT_TRUE(limiter.acquire("a", kLimits, {.tokens = 1}, kStart + 1s).allowed);
}

TEST(RateLimiter, TakesBothOrNothing) {
  RateLimiter limiter;
  EXPECT_TRUE(limiter.acquire("a", kLimits, {.tokens = 1'000}, kStart).allowed);
  const auto refused = limiter.acquire("a", kLimits, {.tokens = 500}, kStart);
  EXPECT_EQ(refused.exceeded, RateLimitKind::kTokens);
  EXPECT_EQ(refused.retry_after, 5s);
  EXPECT_EQ(refused.requests.remaining, 2); // not taken
}

TEST(RateLimiter, MoreTokensThanTheBucketHoldsAreRefusedForEver) {
  RateLimiter limiter;
  const auto refused = limiter.acquire("a", kLimits, {.tokens = 1'001}, kStart);
  EXPECT_FALSE(refused.allowed);
  EXPECT_TRUE(refused.never);
  EXPECT_EQ(refused.exceeded, RateLimitKind::kTokens);
}

TEST(RateLimiter, SettlesWhatARequestReallyCost) {
  RateLimiter limiter;
  limiter.acquire("a", kLimits, {.tokens = 500}, kStart);
  limiter.settle("a", kLimits, -400, kStart);
  EXPECT_EQ(limiter.acquire("a", kLimits, {.tokens = 0}, kStart).tokens.remaining, 900);
  limiter.settle("a", kLimits, 1'000, kStart); // a hundred more than there was
  const auto refused = limiter.acquire("a", kLimits, {.tokens = 1}, kStart);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.retry_after, 1'010ms);
}

TEST(RateLimiter, TenantsDoNotShareABucket) {
  RateLimiter limiter;
  for (int i = 0; i < 3; ++i) limiter.acquire("a", kLimits, {.tokens = 1}, kStart);
  EXPECT_FALSE(limiter.acquire("a", kLimits, {.tokens = 1}, kStart).allowed);
  EXPECT_TRUE(limiter.acquire("b", kLimits, {.tokens = 1}, kStart).allowed);
}

TEST(RateLimiter, ANodeOfSeveralHasItsShareRoundedDownButAtLeastOne) {
  const RateLimitConfig config{.requests_per_minute = 100, .tokens_per_minute = 2};
  const auto limits = rate_limits(config, 3);
  EXPECT_EQ(limits.requests.per_minute, 33);
  EXPECT_EQ(limits.requests.size, 33);
  EXPECT_EQ(limits.tokens.per_minute, 1);
  EXPECT_EQ(rate_limits({.requests_per_minute = 100, .burst_ratio = 0.1}).requests.size, 10);
  EXPECT_EQ(rate_limits({.requests_per_minute = 5, .burst_ratio = 0.1}).requests.size, 1);
}

TEST(RateLimiter, RemembersABoundedNumberAndForgetsThoseThatAreFullFirst) {
  RateLimiter limiter(2);
  for (int i = 0; i < 3; ++i) limiter.acquire("busy", kLimits, {.tokens = 1}, kStart);
  limiter.acquire("quiet", kLimits, {.tokens = 1}, kStart);
  limiter.acquire("new", kLimits, {.tokens = 1}, kStart);
  EXPECT_EQ(limiter.tenants(), 2u);
  EXPECT_FALSE(limiter.acquire("busy", kLimits, {.tokens = 1}, kStart).allowed);
  limiter.acquire("later", kLimits, {.tokens = 1}, kStart + 1min); // all the others are full
  EXPECT_EQ(limiter.tenants(), 1u);
}

TEST(RateLimiter, ManyThreadsTakeNoMoreThanThereIs) {
  RateLimiter limiter;
  const RateLimits limits{.requests = {1'000, 1'000}, .tokens = {}};
  std::atomic<int> allowed = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 500; ++i)
          allowed += limiter.acquire("a", limits, {.tokens = 0}, kStart).allowed;
      });
    }
  }
  EXPECT_EQ(allowed, 1'000);
}

// Ten thousand random schedules of requests of several tenants, settlements and time:
//   Exact    within any time t a tenant is allowed at most size + t × rate requests, and as many
//            tokens but for those settled later
//   Honest   who comes back after Retry-After is allowed; who comes a microsecond before is not
//   Fresh    a tenant that is forgotten, or new, has a full bucket and no more
TEST(RateLimitSimulation, HoldsInEveryOrderOfEvents) {
  for (std::uint64_t seed = 0; seed < 10'000; ++seed) {
    Rng rng(seed);
    RateLimitConfig config;
    config.requests_per_minute = 1 + static_cast<std::int64_t>(rng.below(1'000));
    config.tokens_per_minute = 1 + static_cast<std::int64_t>(rng.below(100'000));
    config.burst_ratio = 0.01 + 0.99 * rng.uniform();
    const auto limits = rate_limits(config, 1 + rng.below(3));
    RateLimiter limiter;
    struct Sums {
      std::int64_t requests = 0;
      std::int64_t tokens = 0;
    };
    std::map<std::string, Sums> sums;
    MonotonicTime now = kStart;
    for (int i = 0; i < 60; ++i) {
      now += std::chrono::microseconds(rng.below(2'000'000));
      const std::string tenant(1, static_cast<char>('a' + rng.below(2)));
      const auto tokens =
          static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(limits.tokens.size) + 1));
      auto decision = limiter.acquire(tenant, limits, {.tokens = tokens}, now);
      if (!decision.allowed && !decision.never && rng.below(2) == 0) {
        const auto early = now + decision.retry_after - 1us;
        ASSERT_FALSE(limiter.acquire(tenant, limits, {.tokens = tokens}, early).allowed)
            << "Honest, seed " << seed;
        now += decision.retry_after;
        decision = limiter.acquire(tenant, limits, {.tokens = tokens}, now);
        ASSERT_TRUE(decision.allowed) << "Honest, seed " << seed;
      }
      if (!decision.allowed) continue;
      Sums& sum = sums[tenant];
      ++sum.requests;
      sum.tokens += tokens;
      const auto passed_us = (now - kStart) / 1us;
      const auto most = [passed_us](const IntegerBucketLimit& limit) {
        return limit.size + passed_us * limit.per_minute / kMinute;
      };
      ASSERT_LE(sum.requests, most(limits.requests)) << "Exact, seed " << seed;
      ASSERT_LE(sum.tokens, most(limits.tokens)) << "Exact, seed " << seed;
      if (rng.below(4) == 0) {
        const auto less =
            static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(tokens) + 1));
        limiter.settle(tenant, limits, -less, now);
        sum.tokens -= less;
      }
    }
    const auto fresh = limiter.acquire("new", limits, {.tokens = 0}, now);
    ASSERT_EQ(fresh.requests.remaining, limits.requests.size - 1) << "Fresh, seed " << seed;
    ASSERT_EQ(fresh.tokens.remaining, limits.tokens.size) << "Fresh, seed " << seed;
  }
}

} // namespace
} // namespace raglan::policy
