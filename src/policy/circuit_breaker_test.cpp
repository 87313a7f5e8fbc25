#include "policy/circuit_breaker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace raglan::policy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Permit = CircuitBreaker::Permit;

constexpr MonotonicTime kStart{std::chrono::hours(1)};
constexpr Duration kTick{1};

BreakerState state_of(const CircuitBreaker& breaker) { return breaker.status(kStart).state; }

void call(CircuitBreaker& breaker, Outcome outcome, MonotonicTime now = kStart) {
  auto permit = breaker.try_acquire(now);
  ASSERT_TRUE(permit.has_value());
  permit->report(outcome, now);
}

void fail_times(CircuitBreaker& breaker, int times, MonotonicTime now = kStart) {
  for (int i = 0; i < times; ++i) call(breaker, Outcome::kFailure, now);
}

// Opened at kStart.
class OpenBreaker : public testing::Test {
 protected:
  explicit OpenBreaker(CircuitBreakerConfig config = {}) : breaker_(config) {
    fail_times(breaker_, 5);
  }
  CircuitBreaker breaker_;
  const MonotonicTime recovered_ = kStart + seconds(60);
};

TEST(CircuitBreaker, OpensAtTheFifthFailureInARowAndNotBefore) {
  CircuitBreaker breaker;
  fail_times(breaker, 4);
  EXPECT_EQ(state_of(breaker), BreakerState::kClosed);
  EXPECT_EQ(breaker.status(kStart).consecutive_failures, 4u);
  call(breaker, Outcome::kFailure);
  EXPECT_EQ(state_of(breaker), BreakerState::kOpen);
  EXPECT_EQ(breaker.status(kStart).transitions, 1u);
  EXPECT_FALSE(breaker.try_acquire(kStart).has_value());
  EXPECT_EQ(breaker.status(kStart).refused, 1u);
}

TEST(CircuitBreaker, ASuccessEndsTheRow) {
  CircuitBreaker breaker;
  fail_times(breaker, 4);
  call(breaker, Outcome::kSuccess);
  fail_times(breaker, 4);
  EXPECT_EQ(state_of(breaker), BreakerState::kClosed);
  call(breaker, Outcome::kFailure);
  EXPECT_EQ(state_of(breaker), BreakerState::kOpen);
}

TEST(CircuitBreaker, NeutralOutcomesNeitherOpenNorEndTheRow) {
  CircuitBreaker breaker;
  for (int i = 0; i < 100; ++i) call(breaker, Outcome::kNeutral);
  EXPECT_EQ(state_of(breaker), BreakerState::kClosed);
  fail_times(breaker, 4);
  call(breaker, Outcome::kNeutral);
  EXPECT_EQ(state_of(breaker), BreakerState::kClosed);
  call(breaker, Outcome::kFailure);
  EXPECT_EQ(state_of(breaker), BreakerState::kOpen);
}

TEST(CircuitBreaker, APermitDestroyedWithoutReportChangesNothingWhileClosed) {
  CircuitBreaker breaker;
  fail_times(breaker, 4);
  breaker.try_acquire(kStart).reset();
  EXPECT_EQ(breaker.status(kStart).consecutive_failures, 4u);
  EXPECT_EQ(state_of(breaker), BreakerState::kClosed);
}

TEST(CircuitBreaker, ASecondReportIsIgnored) {
  CircuitBreaker breaker;
  fail_times(breaker, 3);
  auto permit = breaker.try_acquire(kStart);
  ASSERT_TRUE(permit.has_value());
  permit->report(Outcome::kFailure, kStart);
  permit->report(Outcome::kFailure, kStart);
  EXPECT_EQ(breaker.status(kStart).consecutive_failures, 4u);
}

TEST_F(OpenBreaker, RefusesUntilTheRecoveryTimeoutIsOver) {
  EXPECT_FALSE(breaker_.try_acquire(recovered_ - kTick).has_value());
  EXPECT_EQ(breaker_.status(recovered_ - kTick).time_to_next_probe, kTick);
  EXPECT_EQ(breaker_.status(kStart).time_to_next_probe, seconds(60));
  EXPECT_EQ(breaker_.status(recovered_).time_to_next_probe, Duration::zero());
  auto probe = breaker_.try_acquire(recovered_);
  ASSERT_TRUE(probe.has_value());
  EXPECT_TRUE(probe->is_probe());
  EXPECT_EQ(state_of(breaker_), BreakerState::kHalfOpen);
}

TEST_F(OpenBreaker, HalfOpenAdmitsOneProbe) {
  auto probe = breaker_.try_acquire(recovered_);
  ASSERT_TRUE(probe.has_value());
  EXPECT_FALSE(breaker_.try_acquire(recovered_).has_value());
  EXPECT_EQ(breaker_.status(recovered_).probes, 1u);
}

TEST_F(OpenBreaker, AProbesSuccessCloses) {
  call(breaker_, Outcome::kSuccess, recovered_);
  EXPECT_EQ(state_of(breaker_), BreakerState::kClosed);
  EXPECT_EQ(breaker_.status(recovered_).consecutive_failures, 0u);
  EXPECT_EQ(breaker_.status(recovered_).transitions, 3u);
  fail_times(breaker_, 4, recovered_);
  EXPECT_EQ(state_of(breaker_), BreakerState::kClosed);
}

TEST_F(OpenBreaker, AProbesFailureOpensForAnotherWholeTimeout) {
  auto probe = breaker_.try_acquire(recovered_);
  ASSERT_TRUE(probe.has_value());
  const auto failed_at = recovered_ + seconds(7);
  probe->report(Outcome::kFailure, failed_at);
  EXPECT_EQ(state_of(breaker_), BreakerState::kOpen);
  EXPECT_FALSE(breaker_.try_acquire(failed_at + seconds(60) - kTick).has_value());
  EXPECT_TRUE(breaker_.try_acquire(failed_at + seconds(60)).has_value());
}

TEST_F(OpenBreaker, ANeutralProbeNeitherOpensNorClosesAndMakesRoom) {
  call(breaker_, Outcome::kNeutral, recovered_);
  EXPECT_EQ(state_of(breaker_), BreakerState::kHalfOpen);
  call(breaker_, Outcome::kSuccess, recovered_);
  EXPECT_EQ(state_of(breaker_), BreakerState::kClosed);
}

TEST_F(OpenBreaker, AProbeDestroyedWithoutReportMakesRoomAtOnce) {
  breaker_.try_acquire(recovered_).reset();
  EXPECT_EQ(state_of(breaker_), BreakerState::kHalfOpen);
  EXPECT_TRUE(breaker_.try_acquire(recovered_).has_value());
}

TEST_F(OpenBreaker, AProbeThatNeverReportsLosesItsPlaceWhenItsLeaseExpires) {
  auto lost = breaker_.try_acquire(recovered_);
  ASSERT_TRUE(lost.has_value());
  const auto expiry = recovered_ + seconds(60);
  EXPECT_EQ(breaker_.status(expiry - kTick).time_to_next_probe, kTick);
  EXPECT_FALSE(breaker_.try_acquire(expiry - kTick).has_value());
  EXPECT_EQ(breaker_.status(expiry).time_to_next_probe, Duration::zero());
  auto next = breaker_.try_acquire(expiry);
  ASSERT_TRUE(next.has_value());
  // The lost one must not take the new one's place with it when it goes.
  lost.reset();
  EXPECT_FALSE(breaker_.try_acquire(expiry).has_value());
}

TEST_F(OpenBreaker, ALateProbesOutcomeCountsWhileStillHalfOpen) {
  auto late = breaker_.try_acquire(recovered_);
  const auto expiry = recovered_ + seconds(60);
  auto next = breaker_.try_acquire(expiry);
  ASSERT_TRUE(late.has_value() && next.has_value());
  late->report(Outcome::kSuccess, expiry + seconds(1));
  EXPECT_EQ(state_of(breaker_), BreakerState::kClosed);
  next->report(Outcome::kFailure, expiry + seconds(2));
  EXPECT_EQ(breaker_.status(expiry).consecutive_failures, 0u);
}

TEST(CircuitBreaker, OutcomesOfAnOlderGenerationAreDropped) {
  CircuitBreaker breaker;
  auto early_success = breaker.try_acquire(kStart);
  auto early_failure = breaker.try_acquire(kStart);
  ASSERT_TRUE(early_success.has_value() && early_failure.has_value());
  EXPECT_EQ(early_success->generation(), 0u);
  fail_times(breaker, 5);
  // Open: neither closes it nor moves its recovery.
  early_success->report(Outcome::kSuccess, kStart + seconds(30));
  EXPECT_EQ(state_of(breaker), BreakerState::kOpen);
  auto probe = breaker.try_acquire(kStart + seconds(60));
  ASSERT_TRUE(probe.has_value());
  EXPECT_EQ(probe->generation(), 2u);
  early_failure->report(Outcome::kFailure, kStart + seconds(61));
  EXPECT_EQ(state_of(breaker), BreakerState::kHalfOpen);
  probe->report(Outcome::kSuccess, kStart + seconds(62));
  EXPECT_EQ(state_of(breaker), BreakerState::kClosed);
}

TEST(CircuitBreaker, FailuresFromBeforeTheOutageDoNotCountAfterIt) {
  CircuitBreaker breaker({.failure_threshold = 1});
  auto old = breaker.try_acquire(kStart);
  ASSERT_TRUE(old.has_value());
  call(breaker, Outcome::kFailure);
  call(breaker, Outcome::kSuccess, kStart + seconds(60));
  old->report(Outcome::kFailure, kStart + seconds(60));
  EXPECT_EQ(state_of(breaker), BreakerState::kClosed);
}

TEST(CircuitBreaker, SeveralProbesAtATimeMustAllSucceed) {
  CircuitBreaker breaker({.failure_threshold = 1, .half_open_probes = 3});
  call(breaker, Outcome::kFailure);
  const auto recovered = kStart + seconds(60);
  std::vector<Permit> probes;
  for (int i = 0; i < 3; ++i) probes.push_back(*breaker.try_acquire(recovered));
  EXPECT_FALSE(breaker.try_acquire(recovered).has_value());
  probes[0].report(Outcome::kSuccess, recovered);
  probes[1].report(Outcome::kSuccess, recovered);
  EXPECT_EQ(state_of(breaker), BreakerState::kHalfOpen);
  // Two have made room; a fourth may start while the third is out.
  EXPECT_TRUE(breaker.try_acquire(recovered).has_value());
  probes[2].report(Outcome::kSuccess, recovered);
  EXPECT_EQ(state_of(breaker), BreakerState::kClosed);
}

TEST(CircuitBreaker, OneFailureAmongSeveralProbesOpens) {
  CircuitBreaker breaker({.failure_threshold = 1, .half_open_probes = 2});
  call(breaker, Outcome::kFailure);
  const auto recovered = kStart + seconds(60);
  auto first = breaker.try_acquire(recovered);
  auto second = breaker.try_acquire(recovered);
  ASSERT_TRUE(first.has_value() && second.has_value());
  first->report(Outcome::kFailure, recovered);
  second->report(Outcome::kSuccess, recovered); // of an older generation by now
  EXPECT_EQ(state_of(breaker), BreakerState::kOpen);
}

CircuitBreakerConfig with_window() { return {.failure_threshold = 1000, .window_calls = 40}; }

TEST(CircuitBreakerWindow, OpensAtHalfOfTwentyCalls) {
  CircuitBreaker breaker(with_window());
  for (int i = 0; i < 9; ++i) call(breaker, Outcome::kSuccess);
  fail_times(breaker, 10); // 10 of 19: too few calls to tell
  EXPECT_EQ(state_of(breaker), BreakerState::kClosed);
  call(breaker, Outcome::kSuccess); // 10 of 20
  EXPECT_EQ(state_of(breaker), BreakerState::kOpen);
}

TEST(CircuitBreakerWindow, StaysClosedJustBelowHalf) {
  CircuitBreaker breaker(with_window());
  for (int i = 0; i < 11; ++i) call(breaker, Outcome::kSuccess);
  fail_times(breaker, 9);                                       // 9 of 20
  for (int i = 0; i < 2; ++i) call(breaker, Outcome::kNeutral); // not calls of the window
  EXPECT_EQ(state_of(breaker), BreakerState::kClosed);
  fail_times(breaker, 1); // 10 of 21
  EXPECT_EQ(state_of(breaker), BreakerState::kClosed);
  fail_times(breaker, 1); // 11 of 22
  EXPECT_EQ(state_of(breaker), BreakerState::kOpen);
}

TEST(CircuitBreakerWindow, ForgetsTheOldestCalls) {
  CircuitBreaker breaker(with_window());
  for (int i = 0; i < 40; ++i) call(breaker, Outcome::kSuccess);
  fail_times(breaker, 19); // 19 of the last 40
  EXPECT_EQ(state_of(breaker), BreakerState::kClosed);
  fail_times(breaker, 1);
  EXPECT_EQ(state_of(breaker), BreakerState::kOpen);
}

TEST(CircuitBreakerWindow, StartsAfreshWhenItCloses) {
  CircuitBreaker breaker(with_window());
  fail_times(breaker, 20);
  const auto recovered = kStart + seconds(60);
  call(breaker, Outcome::kSuccess, recovered);
  fail_times(breaker, 19, recovered);
  EXPECT_EQ(breaker.status(recovered).state, BreakerState::kClosed);
}

TEST(CircuitBreakerWindow, SlowCallsOpenItToo) {
  auto config = with_window();
  config.slow_call = milliseconds(100);
  CircuitBreaker breaker(config);
  const auto slow_success = [&](Duration took) {
    auto permit = breaker.try_acquire(kStart);
    ASSERT_TRUE(permit.has_value());
    permit->report(Outcome::kSuccess, kStart + took);
  };
  for (int i = 0; i < 20; ++i) slow_success(milliseconds(100) - kTick);
  for (int i = 0; i < 19; ++i) slow_success(milliseconds(100));
  EXPECT_EQ(state_of(breaker), BreakerState::kClosed); // 19 of 39
  slow_success(milliseconds(100));                     // 20 of 40
  EXPECT_EQ(state_of(breaker), BreakerState::kOpen);
  // A slow probe is no proof of health.
  auto probe = breaker.try_acquire(kStart + seconds(61));
  ASSERT_TRUE(probe.has_value());
  probe->report(Outcome::kSuccess, kStart + seconds(61) + milliseconds(100));
  EXPECT_EQ(state_of(breaker), BreakerState::kOpen);
}

TEST(CircuitBreakerWindow, FailuresInARowOpenItAsWell) {
  CircuitBreaker breaker({.window_calls = 40});
  fail_times(breaker, 5);
  EXPECT_EQ(state_of(breaker), BreakerState::kOpen);
}

TEST(CircuitBreaker, ManyThreadsGetOneProbe) {
  CircuitBreaker breaker({.failure_threshold = 1});
  for (int round = 0; round < 200; ++round) {
    const auto now = kStart + seconds(61 * round);
    call(breaker, Outcome::kFailure, now);
    std::atomic<int> probes = 0;
    std::atomic<int> ready = 0;
    const auto compete = [&] {
      ++ready;
      while (ready < 3) std::this_thread::yield();
      auto permit = breaker.try_acquire(now + seconds(60));
      probes += permit.has_value() ? 1 : 0;
      ++ready;
      while (ready < 6) std::this_thread::yield(); // hold it until all have tried
      if (permit) permit->report(Outcome::kSuccess, now + seconds(60));
    };
    std::thread first(compete);
    std::thread second(compete);
    compete();
    first.join();
    second.join();
    ASSERT_EQ(probes, 1);
    ASSERT_EQ(state_of(breaker), BreakerState::kClosed);
  }
}

TEST(CircuitBreaker, StatesHaveNames) {
  EXPECT_EQ(breaker_state_name(BreakerState::kClosed), "closed");
  EXPECT_EQ(breaker_state_name(BreakerState::kOpen), "open");
  EXPECT_EQ(breaker_state_name(BreakerState::kHalfOpen), "half_open");
}

} // namespace
} // namespace raglan::policy
