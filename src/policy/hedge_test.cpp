#include "policy/hedge.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace raglan::policy {
namespace {

using namespace std::chrono_literals;

constexpr MonotonicTime kStart{1h};
constexpr HedgeConfig kOn{.enabled = true};

// Knows calls of 1 to 100 ms, and has earned `hedges`.
Hedge experienced(double hedges, HedgeConfig config = kOn) {
  Hedge hedge(config);
  for (int i = 0; i < static_cast<int>(hedges / config.max_ratio + 0.5); ++i) (void)hedge.begin();
  for (int i = 1; i <= 100; ++i) hedge.answered(std::chrono::milliseconds(i));
  return hedge;
}

TEST(HedgeTest, IsOffUnlessItIsSwitchedOn) {
  Hedge hedge = experienced(5, {});
  EXPECT_EQ(hedge.begin(), std::nullopt);
  EXPECT_FALSE(hedge.allows(0, kStart));
}

TEST(HedgeTest, NothingIsUnusualBeforeTwentyCalls) {
  Hedge hedge(kOn);
  for (int i = 0; i < 19; ++i) hedge.answered(10ms);
  EXPECT_EQ(hedge.begin(), std::nullopt);
  hedge.answered(10ms);
  EXPECT_EQ(hedge.begin(), 10ms);
}

TEST(HedgeTest, WaitsAsLongAsTheQuantileOfTheCallsBefore) {
  EXPECT_EQ(experienced(0).begin(), 96ms); // 95 of 100 were faster
  EXPECT_EQ(experienced(0, {.enabled = true, .quantile = 0.5}).begin(), 51ms);
}

TEST(HedgeTest, OnlyTheLastCallsCount) {
  Hedge hedge = experienced(0);
  for (std::size_t i = 0; i < Hedge::kSamples; ++i) hedge.answered(7ms);
  EXPECT_EQ(hedge.begin(), 7ms);
}

TEST(HedgeTest, FiftyRequestsEarnOneHedge) {
  Hedge hedge(kOn);
  for (int i = 0; i < 49; ++i) (void)hedge.begin();
  EXPECT_FALSE(hedge.allows(0, kStart));
  (void)hedge.begin();
  EXPECT_TRUE(hedge.allows(0, kStart));
  EXPECT_FALSE(hedge.allows(0, kStart));
  const HedgeStatus status = hedge.status(kStart);
  EXPECT_EQ(status.requests, 50u);
  EXPECT_EQ(status.hedged, 1u);
  EXPECT_EQ(status.refused, 2u);
}

TEST(HedgeTest, NoMoreThanABurstIsSavedUp) {
  Hedge hedge = experienced(1'000);
  int made = 0;
  while (hedge.allows(0, kStart)) ++made;
  EXPECT_EQ(made, Hedge::kBurst);
}

TEST(HedgeTest, StopsWhileTheQueueGrows) {
  Hedge hedge = experienced(5);
  EXPECT_TRUE(hedge.allows(0, kStart));
  hedge.look(1, kStart);
  EXPECT_TRUE(hedge.status(kStart).queue_grows);
  EXPECT_FALSE(hedge.allows(1, kStart));
  EXPECT_FALSE(hedge.allows(1, kStart + Hedge::kCalm - 1ns));
  EXPECT_TRUE(hedge.allows(1, kStart + Hedge::kCalm)); // it stands, and does not grow
  EXPECT_FALSE(hedge.allows(2, kStart + 2 * Hedge::kCalm));
}

TEST(HedgeTest, AQueueThatShrinksIsNoReason) {
  Hedge hedge = experienced(5);
  hedge.look(9, kStart);
  MonotonicTime now = kStart + Hedge::kCalm;
  for (std::size_t waiting = 8; waiting > 0; --waiting) hedge.look(waiting, now);
  EXPECT_TRUE(hedge.allows(0, now));
}

TEST(HedgeTest, CountsWhatItWonAndLost) {
  Hedge hedge(kOn);
  hedge.decided(true);
  hedge.decided(false);
  hedge.decided(false);
  EXPECT_EQ(hedge.status(kStart).won, 1u);
  EXPECT_EQ(hedge.status(kStart).lost, 2u);
}

// Ten thousand random schedules of requests, answers, queues and time:
//   Capped    hedges are never more than their share of the requests so far
//   Burst     nor more in a row, without a request, than may be saved up
//   Calm      none is made within kCalm of a look at a longer queue
//   Bounded   the wait before a hedge is one that was measured
TEST(HedgeSimulation, HoldsInEveryOrderOfEvents) {
  for (std::uint64_t seed = 0; seed < 10'000; ++seed) {
    Rng rng(seed);
    HedgeConfig config = kOn;
    config.max_ratio = 0.01 * static_cast<double>(1 + rng.below(20));
    config.quantile = 0.5 + 0.004 * static_cast<double>(rng.below(120));
    Hedge hedge(config);
    MonotonicTime now = kStart;
    std::optional<MonotonicTime> grew;
    std::size_t waiting = 0;
    std::size_t requests = 0;
    std::size_t made = 0;
    std::size_t in_a_row = 0;
    Duration shortest = Duration::max();
    Duration longest{};
    for (int i = 0; i < 400; ++i) {
      now += std::chrono::milliseconds(rng.below(100));
      const auto choice = rng.below(8);
      if (choice < 4) {
        const auto delay = hedge.begin();
        ++requests;
        in_a_row = 0;
        if (!delay) continue;
        ASSERT_GE(*delay, shortest) << "Bounded, seed " << seed;
        ASSERT_LE(*delay, longest) << "Bounded, seed " << seed;
      } else if (choice < 6) {
        const auto took = std::chrono::milliseconds(1 + rng.below(500));
        shortest = std::min<Duration>(shortest, took);
        longest = std::max<Duration>(longest, took);
        hedge.answered(took);
      } else {
        const std::size_t next = rng.below(4) == 0 ? rng.below(5) : waiting;
        if (next > waiting) grew = now;
        waiting = next;
        if (!hedge.allows(waiting, now)) continue;
        ++made;
        ++in_a_row;
        ASSERT_TRUE(!grew || now - *grew >= Hedge::kCalm) << "Calm, seed " << seed;
        ASSERT_LE(static_cast<double>(made),
                  config.max_ratio * static_cast<double>(requests) + 1e-6)
            << "Capped, seed " << seed;
        ASSERT_LE(static_cast<double>(in_a_row), Hedge::kBurst) << "Burst, seed " << seed;
      }
    }
  }
}

} // namespace
} // namespace raglan::policy
