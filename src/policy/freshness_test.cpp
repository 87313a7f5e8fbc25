#include "policy/freshness.h"

#include <gtest/gtest.h>

namespace raglan::policy {
namespace {

using namespace std::chrono_literals;

constexpr MonotonicTime kExpires{10h};
constexpr FreshnessConfig kConfig{
    .early_refresh_beta = 1, .stale_while_revalidate = 1min, .stale_if_error = 1h};

class FreshnessTest : public ::testing::Test {
 protected:
  Freshness at(MonotonicTime now, Duration cost = 0s, FreshnessConfig config = kConfig) {
    return judge_freshness(config, kExpires, cost, now, rng_);
  }
  // Of many readers at `now`, the share that refreshes.
  double refreshing_ratio(MonotonicTime now, Duration cost, double beta = 1) {
    constexpr int kReaders = 20'000;
    FreshnessConfig config = kConfig;
    config.early_refresh_beta = beta;
    int refreshing = 0;
    for (int i = 0; i < kReaders; ++i) {
      if (at(now, cost, config) == Freshness::kRefreshEarly) ++refreshing;
    }
    return static_cast<double>(refreshing) / kReaders;
  }

  Rng rng_{1};
};

TEST_F(FreshnessTest, IsFreshUntilItExpires) {
  EXPECT_EQ(at(kExpires - 1h), Freshness::kFresh);
  EXPECT_EQ(at(kExpires - 1ns), Freshness::kFresh);
  EXPECT_EQ(at(kExpires), Freshness::kStale);
}

TEST_F(FreshnessTest, IsServedStaleWhileRevalidatedForSoLong) {
  EXPECT_EQ(at(kExpires + 1min - 1ns), Freshness::kStale);
  EXPECT_EQ(at(kExpires + 1min), Freshness::kOnlyIfError);
}

TEST_F(FreshnessTest, IsServedOnAnErrorForSoLong) {
  EXPECT_EQ(at(kExpires + 1h - 1ns), Freshness::kOnlyIfError);
  EXPECT_EQ(at(kExpires + 1h), Freshness::kExpired);
}

TEST_F(FreshnessTest, WithoutStaleLimitsItEndsWhenItExpires) {
  const FreshnessConfig strict{
      .early_refresh_beta = 0, .stale_while_revalidate = 0ms, .stale_if_error = 0ms};
  EXPECT_EQ(at(kExpires - 1ns, 1h, strict), Freshness::kFresh);
  EXPECT_EQ(at(kExpires, 1h, strict), Freshness::kExpired);
}

TEST_F(FreshnessTest, WhatNeverExpiresIsFresh) {
  EXPECT_EQ(judge_freshness(kConfig, MonotonicTime::max(), 1h, kExpires, rng_), Freshness::kFresh);
}

// The probability is exp(−left / (beta × cost)): the definition.
TEST_F(FreshnessTest, RefreshesEarlyWithXFetchsProbability) {
  EXPECT_NEAR(refreshing_ratio(kExpires - 1s, 1s), std::exp(-1.0), 0.015);
  EXPECT_NEAR(refreshing_ratio(kExpires - 2s, 1s), std::exp(-2.0), 0.015);
  EXPECT_NEAR(refreshing_ratio(kExpires - 2s, 1s, 2), std::exp(-1.0), 0.015);
  EXPECT_NEAR(refreshing_ratio(kExpires - 1ms, 1s), std::exp(-0.001), 0.005);
}

TEST_F(FreshnessTest, WhatCostsNothingIsNotRefreshedEarly) {
  EXPECT_EQ(refreshing_ratio(kExpires - 1ns, 0s), 0);
}

TEST_F(FreshnessTest, ABetaOfZeroNeverRefreshesEarly) {
  EXPECT_EQ(refreshing_ratio(kExpires - 1ns, 1h, 0), 0);
}

TEST_F(FreshnessTest, FarFromTheEndNobodyRefreshes) {
  EXPECT_EQ(refreshing_ratio(kExpires - 37s, 1s), 0);
}

// How often a value that takes `cost` is computed a TTL, when readers ask `pause` apart.
double computations_per_ttl(Duration ttl, Duration cost, Duration pause) {
  constexpr int kComputations = 400;
  Rng rng(1);
  MonotonicTime stored{};
  for (int i = 0; i < kComputations; ++i) {
    const MonotonicTime expires = stored + ttl;
    MonotonicTime now = std::max(stored, expires - 40 * cost); // before, nobody does
    while (judge_freshness(kConfig, expires, cost, now, rng) == Freshness::kFresh) now += pause;
    stored = now + cost;
  }
  return kComputations * std::chrono::duration<double>(ttl) / (stored - MonotonicTime{});
}

// By the law of the extremes the first of r readers a second is early by cost × (ln(cost × r) + γ).
TEST_F(FreshnessTest, OfALongTtlEarlyRefreshTakesNothingOfAShortOneMuch) {
  EXPECT_LE(computations_per_ttl(1h, 1s, 2500us), 1.005);
  EXPECT_LE(computations_per_ttl(10s, 20ms, 2500us), 1.01);
  const double early_seconds = 0.4 * (std::log(0.4 * 400) + 0.5772);
  EXPECT_NEAR(computations_per_ttl(4s, 400ms, 2500us), 4 / (4 - early_seconds + 0.4), 0.05);
  EXPECT_GT(computations_per_ttl(4s, 400ms, 2500us), 1.5);
}

TEST_F(FreshnessTest, TheGraceIsTheLongerOfBothLimits) {
  EXPECT_EQ(kConfig.grace(), 1h);
  EXPECT_EQ((FreshnessConfig{.stale_while_revalidate = 2h, .stale_if_error = 1h}).grace(), 2h);
}

} // namespace
} // namespace raglan::policy
