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

TEST_F(FreshnessTest, TheGraceIsTheLongerOfBothLimits) {
  EXPECT_EQ(kConfig.grace(), 1h);
  EXPECT_EQ((FreshnessConfig{.stale_while_revalidate = 2h, .stale_if_error = 1h}).grace(), 2h);
}

} // namespace
} // namespace raglan::policy
