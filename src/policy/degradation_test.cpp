#include "policy/degradation.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace raglan::policy {
namespace {

using namespace std::chrono_literals;

constexpr MonotonicTime kStart{1h};
// The smoothed delay as good as follows the samples.
constexpr DegradationConfig kSharp{.smoothing = 1ms};

// Samples the same delay every 100 ms, over [from, until].
void keep_sampling(Degradation& degradation, Duration delay, MonotonicTime from,
                   MonotonicTime until) {
  for (MonotonicTime now = from; now <= until; now += 100ms) degradation.sample(delay, now);
}

TEST(Degradation, ATwentiethOfTheTimeIsLeftForThePassagesAndAtMostHalfASecond) {
  const auto left = [](Duration time) {
    const Deadline deadline = Deadline::after(time, kStart);
    return deadline.at() - generation_deadline(deadline, kStart).at();
  };
  EXPECT_EQ(left(1s), 50ms);
  EXPECT_EQ(left(10s - 20ms), 499ms);
  EXPECT_EQ(left(10s), 500ms);
  EXPECT_EQ(left(10min), 500ms);
  EXPECT_EQ(left(0s), 0s);
  EXPECT_TRUE(generation_deadline(Deadline(), kStart).never());
}

TEST(Degradation, EachLevelTakesMoreAway) {
  const DegradationConfig config;
  const auto full = service_plan(config, 0, 5);
  EXPECT_EQ(full.top_k, 5u);
  EXPECT_TRUE(full.rerank && full.generate && !full.cache_only);
  const auto reduced = service_plan(config, 1, 5);
  EXPECT_EQ(reduced.top_k, 3u);
  EXPECT_TRUE(!reduced.rerank && reduced.generate && !reduced.cache_only);
  const auto passages = service_plan(config, 2, 5);
  EXPECT_EQ(passages.top_k, 3u);
  EXPECT_TRUE(!passages.generate && !passages.cache_only);
  const auto cached = service_plan(config, 3, 5);
  EXPECT_TRUE(!cached.generate && cached.cache_only);
}

TEST(Degradation, TopKIsOnlyEverReduced) {
  EXPECT_EQ(service_plan({}, 1, 2).top_k, 2u);
  EXPECT_EQ(service_plan({}, -1, 50).top_k, 50u);
  EXPECT_EQ(service_plan({}, 9, 50).level, 3);
}

TEST(Degradation, ATierIsSparedItsRelief) {
  EXPECT_EQ(effective_level(3, Tier::kVip), 1);
  EXPECT_EQ(effective_level(3, Tier::kPaid), 2);
  EXPECT_EQ(effective_level(3, Tier::kFree), 3);
  EXPECT_EQ(effective_level(1, Tier::kVip), 0);
  EXPECT_EQ(effective_level(5, Tier::kVip), 3);
  EXPECT_EQ(effective_level(5, Tier::kFree), 3);
  EXPECT_EQ(effective_level(3, Tier::kIngest), 3);
}

TEST(Degradation, RisesOnceTheDelayWasTooLongForItsHold) {
  Degradation degradation(kSharp);
  degradation.sample(201ms, kStart);
  degradation.sample(201ms, kStart + 900ms);
  // The smoothed delay is above the threshold a few milliseconds after the first sample.
  EXPECT_EQ(degradation.status(kStart + 999ms).level, 0);
  EXPECT_EQ(degradation.status(kStart + 1010ms).level, 1);
  EXPECT_EQ(degradation.status(kStart + 1010ms).raised, 1u);
}

TEST(Degradation, DoesNotRiseAtTheThresholdItself) {
  Degradation degradation(kSharp);
  keep_sampling(degradation, 200ms, kStart, kStart + 10s);
  EXPECT_EQ(degradation.status(kStart + 10s).level, 0);
}

TEST(Degradation, ABriefPauseBeginsTheHoldAnew) {
  Degradation degradation(kSharp);
  keep_sampling(degradation, 300ms, kStart, kStart + 800ms);
  degradation.sample(100ms, kStart + 900ms);
  keep_sampling(degradation, 300ms, kStart + 1s, kStart + 1900ms);
  EXPECT_EQ(degradation.status(kStart + 1990ms).level, 0);
  EXPECT_EQ(degradation.status(kStart + 2010ms).level, 1);
}

TEST(Degradation, RisesOneStepASecondUpToFive) {
  Degradation degradation(kSharp);
  for (int second = 1; second <= 8; ++second) {
    keep_sampling(degradation, 1s, kStart + std::chrono::seconds(second - 1),
                  kStart + std::chrono::seconds(second));
    EXPECT_EQ(degradation.status(kStart + std::chrono::seconds(second) + 10ms).level,
              std::min(second, 5));
  }
}

TEST(Degradation, FallsOneStepEachFiveSecondsAndNotBefore) {
  Degradation degradation(kSharp);
  keep_sampling(degradation, 1s, kStart, kStart + 3s + 50ms);
  const MonotonicTime calm = kStart + 3100ms;
  ASSERT_EQ(degradation.status(calm).level, 3);
  keep_sampling(degradation, 49ms, calm, calm + 30s);
  Degradation again(kSharp);
  keep_sampling(again, 1s, kStart, kStart + 3s + 50ms);
  keep_sampling(again, 49ms, calm, calm + 4900ms);
  EXPECT_EQ(again.status(calm + 5s).level, 3); // it takes the smoothed delay 10 ms to fall
  EXPECT_EQ(again.status(calm + 5020ms).level, 2);
  EXPECT_EQ(degradation.status(calm + 30s).level, 0);
}

TEST(Degradation, BetweenTheThresholdsNothingMoves) {
  Degradation degradation(kSharp);
  keep_sampling(degradation, 1s, kStart, kStart + 2050ms);
  ASSERT_EQ(degradation.status(kStart + 2050ms).level, 2);
  keep_sampling(degradation, 100ms, kStart + 2100ms, kStart + 60s);
  EXPECT_EQ(degradation.status(kStart + 60s).level, 2);
  keep_sampling(degradation, 50ms, kStart + 60s, kStart + 120s);
  EXPECT_EQ(degradation.status(kStart + 120s).level, 2);
}

TEST(Degradation, AnIdleNodeComesDownThoughNobodyAsks) {
  Degradation degradation(kSharp);
  keep_sampling(degradation, 1s, kStart, kStart + 10s);
  ASSERT_EQ(degradation.status(kStart + 10s).level, 5);
  // The last sample counts for one second, the smoothed delay falls, and then each step has its
  // hold.
  EXPECT_EQ(Degradation(kSharp).status(kStart).level, 0);
  const auto after = degradation.status(kStart + 11s + 25s + 10ms);
  EXPECT_EQ(after.level, 0);
  EXPECT_EQ(after.lowered, 5u);
  EXPECT_EQ(after.smoothed_delay, Duration::zero());
}

TEST(Degradation, SmoothsWithItsTimeConstant) {
  Degradation degradation({.smoothing = 250ms});
  degradation.sample(1s, kStart);
  EXPECT_NEAR(to_milliseconds(degradation.status(kStart + 250ms).smoothed_delay), 632.1, 0.1);
  EXPECT_NEAR(to_milliseconds(degradation.status(kStart + 500ms).smoothed_delay), 864.7, 0.1);
}

TEST(Degradation, SamplesOfOneInstantAreAveraged) {
  Degradation degradation({.smoothing = 1ms});
  degradation.sample(100ms, kStart);
  degradation.sample(300ms, kStart);
  EXPECT_NEAR(to_milliseconds(degradation.status(kStart + 500ms).smoothed_delay), 200, 0.1);
}

TEST(Degradation, TheOperatorsLevelStays) {
  Degradation degradation(kSharp);
  degradation.set_manual(2, kStart);
  keep_sampling(degradation, 1s, kStart, kStart + 20s);
  const auto status = degradation.status(kStart + 20s);
  EXPECT_EQ(status.level, 2);
  EXPECT_EQ(status.mode, DegradationMode::kManual);
  EXPECT_EQ(degradation_reason(status, 2), "manual");
  EXPECT_EQ(degradation_reason(status, 0), "");
}

TEST(Degradation, OnTheReturnToAutomaticItGoesOnFromTheOperatorsLevel) {
  Degradation degradation(kSharp);
  degradation.set_manual(2, kStart);
  keep_sampling(degradation, 1s, kStart, kStart + 20s);
  degradation.set_auto(kStart + 20s);
  EXPECT_EQ(degradation.status(kStart + 20s + 900ms).level, 2);
  degradation.sample(1s, kStart + 20s + 900ms);
  EXPECT_EQ(degradation.status(kStart + 21s).level, 3);
  EXPECT_EQ(degradation_reason(degradation.status(kStart + 21s), 1), "overload");
}

TEST(Degradation, BeginsAtTheConfiguredLevelByHand) {
  Degradation degradation({.mode = DegradationMode::kManual, .level = 4});
  EXPECT_EQ(degradation.status(kStart).level, 4);
  degradation.set_manual(99, kStart);
  EXPECT_EQ(degradation.status(kStart).level, 5);
}

TEST(Degradation, TimeThatRunsBackwardsAndNegativeDelaysAreHarmless) {
  Degradation degradation(kSharp);
  degradation.sample(-5s, kStart);
  degradation.sample(1s, kStart - 30min);
  EXPECT_EQ(degradation.status(kStart - 1h).level, 0);
  EXPECT_NEAR(to_milliseconds(degradation.status(kStart + 500ms).smoothed_delay), 500, 1);
}

// Ten thousand random loads, in each step the delay and the time to the next sample by chance:
//   OneStep      between two looks that are closer than a hold the level moves by at most one
//   Holds        it rises no sooner than raise_hold after the last step, and falls no sooner than
//                lower_hold after it
//   SameForAll   how often it is looked at changes nothing
//   ComesDown    left alone, it is at zero in the end
TEST(DegradationSimulation, HoldsUnderAnyLoad) {
  for (std::uint64_t seed = 0; seed < 10'000; ++seed) {
    Rng rng(seed);
    DegradationConfig config;
    config.smoothing = std::chrono::milliseconds(1 + rng.below(500));
    Degradation degradation(config);
    Degradation seldom(config);
    MonotonicTime now = kStart;
    MonotonicTime stepped = kStart - 1h;
    int level = degradation.status(now).level;
    seldom.status(now);
    const std::uint64_t scale = 1 + rng.below(600);
    for (int i = 0; i < 40; ++i) {
      const Duration delay = std::chrono::milliseconds(rng.below(4) == 0 ? 0 : rng.below(scale));
      degradation.sample(delay, now);
      seldom.sample(delay, now);
      const auto gap = Duration(static_cast<Duration::rep>(rng.below(1'500'000'000)));
      // Looks, each closer to the last than the shorter hold.
      for (int look = 1; look <= 2; ++look) {
        const MonotonicTime at = now + gap * look / 2;
        const int next = degradation.status(at).level;
        ASSERT_LE(std::abs(next - level), 1) << "OneStep, seed " << seed;
        if (next != level) {
          // The step was taken between the last look and this one.
          const Duration least = next > level ? config.raise_hold : config.lower_hold;
          ASSERT_GE(at - stepped + gap / 2, least) << "Holds, seed " << seed;
          ASSERT_GE(next, 0);
          ASSERT_LE(next, kMaxControllerLevel);
          stepped = at - gap / 2;
        }
        level = next;
      }
      now += gap;
    }
    ASSERT_EQ(seldom.status(now).level, level) << "SameForAll, seed " << seed;
    ASSERT_EQ(degradation.status(now + 40s).level, 0) << "ComesDown, seed " << seed;
  }
}

} // namespace
} // namespace raglan::policy
