#include "policy/restart.h"

#include <gtest/gtest.h>

namespace raglan::policy {
namespace {

using namespace std::chrono_literals;
using Step = Restart::Step;

class RestartTest : public testing::Test {
 protected:
  // Started, and ready at once.
  void make_ready() {
    policy_.started(now());
    ASSERT_EQ(probe(true), Step::kReady);
  }
  Step probe(bool healthy) { return policy_.probed(healthy, now()); }
  std::optional<Duration> end() { return policy_.ended(now(), rng_); }
  MonotonicTime now() const { return clock_.now(); }

  ManualClock clock_;
  Rng rng_{7};
  Restart policy_{RestartConfig{.startup_timeout = 10s,
                                .max_failed_probes = 3,
                                .max_restarts = 2,
                                .stable_after = 60s,
                                .backoff = {.base_backoff = 1s, .max_backoff = 4s}}};
};

TEST_F(RestartTest, FailedProbesDoNotKillWhatIsStarting) {
  policy_.started(now());
  for (int i = 0; i < 100; ++i) EXPECT_EQ(probe(false), Step::kKeep);
  EXPECT_FALSE(policy_.ready());
  EXPECT_EQ(probe(true), Step::kReady);
  EXPECT_TRUE(policy_.ready());
}

TEST_F(RestartTest, StartingEndsAtItsTimeout) {
  policy_.started(now());
  clock_.advance(10s - 1ns);
  EXPECT_EQ(probe(false), Step::kKeep);
  clock_.advance(1ns);
  EXPECT_EQ(probe(false), Step::kKill);
}

TEST_F(RestartTest, HealthAtTheTimeoutIsReady) {
  policy_.started(now());
  clock_.advance(1h);
  EXPECT_EQ(probe(true), Step::kReady);
}

TEST_F(RestartTest, TheThirdFailureInARowKills) {
  make_ready();
  EXPECT_EQ(probe(false), Step::kKeep);
  EXPECT_EQ(probe(false), Step::kKeep);
  EXPECT_EQ(probe(true), Step::kKeep); // in a row
  EXPECT_EQ(probe(false), Step::kKeep);
  EXPECT_EQ(probe(false), Step::kKeep);
  EXPECT_EQ(probe(false), Step::kKill);
}

TEST_F(RestartTest, EachStartIsProbedAnew) {
  make_ready();
  EXPECT_EQ(probe(false), Step::kKeep);
  EXPECT_EQ(probe(false), Step::kKeep);
  EXPECT_TRUE(end());
  policy_.started(now());
  EXPECT_EQ(probe(false), Step::kKeep); // it starts
  EXPECT_EQ(probe(true), Step::kReady);
  EXPECT_EQ(probe(false), Step::kKeep);
  EXPECT_EQ(probe(false), Step::kKeep);
  EXPECT_EQ(probe(false), Step::kKill);
}

TEST_F(RestartTest, WaitsGrowAndThenItIsGivenUp) {
  for (const auto ceiling : {1s, 2s}) {
    policy_.started(now());
    const auto wait = end();
    ASSERT_TRUE(wait);
    EXPECT_LE(*wait, ceiling);
  }
  policy_.started(now());
  EXPECT_EQ(end(), std::nullopt); // max_restarts is 2
}

TEST_F(RestartTest, WhatWasStableStartsAfresh) {
  EXPECT_TRUE(end());
  EXPECT_TRUE(end());
  make_ready();
  clock_.advance(60s);
  const auto wait = end();
  ASSERT_TRUE(wait);
  EXPECT_LE(*wait, 1s);
  EXPECT_EQ(policy_.ends_in_a_row(), 1);
}

TEST_F(RestartTest, ReadyForALittleLessIsNotStable) {
  EXPECT_TRUE(end());
  EXPECT_TRUE(end());
  make_ready();
  clock_.advance(60s - 1ns);
  EXPECT_EQ(end(), std::nullopt);
}

TEST_F(RestartTest, TimeSpentStartingIsNotStability) {
  EXPECT_TRUE(end());
  EXPECT_TRUE(end());
  policy_.started(now());
  clock_.advance(1h);
  EXPECT_EQ(end(), std::nullopt);
}

TEST_F(RestartTest, NoRestartsMeansNone) {
  Restart once({.max_restarts = 0});
  once.started(now());
  EXPECT_EQ(once.ended(now(), rng_), std::nullopt);
}

// Ten thousand random lives: killed only for what the configuration names, and never more than
// max_restarts starts without a stable time between them.
TEST_F(RestartTest, RandomLivesKeepTheRules) {
  for (std::uint64_t seed = 0; seed < 10'000; ++seed) {
    Rng rng(seed);
    ManualClock clock;
    Restart policy({.startup_timeout = 10s, .max_restarts = 3, .stable_after = 20s});
    std::size_t in_a_row = 0;
    for (bool given_up = false; !given_up;) {
      policy.started(clock.now());
      const MonotonicTime started = clock.now();
      std::optional<MonotonicTime> ready;
      int failures = 0;
      for (bool running = true; running && rng.below(20) != 0;) {
        clock.advance(Duration(1s) * static_cast<int>(rng.below(4)));
        const bool healthy = rng.below(3) != 0;
        failures = healthy || !ready ? 0 : failures + 1;
        const Step step = policy.probed(healthy, clock.now());
        ASSERT_EQ(step == Step::kReady, healthy && !ready) << seed;
        if (step == Step::kReady) ready = clock.now();
        const bool hangs = failures >= 3;
        const bool slow = !ready && clock.now() - started >= 10s;
        ASSERT_EQ(step == Step::kKill, hangs || slow) << seed;
        running = step != Step::kKill;
      }
      const bool stable = ready && clock.now() - *ready >= 20s;
      in_a_row = stable ? 1 : in_a_row + 1;
      const auto wait = policy.ended(clock.now(), rng);
      given_up = !wait;
      ASSERT_EQ(given_up, in_a_row > 3) << seed;
      if (wait) clock.advance(*wait);
    }
  }
}

} // namespace
} // namespace raglan::policy
