#include "policy/concurrency_limit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <thread>
#include <vector>

namespace raglan::policy {
namespace {

using namespace std::chrono_literals;
using Permit = ConcurrencyLimit::Permit;

constexpr MonotonicTime kStart{1h};

// A window closes after this many calls of 100 ms.
ConcurrencyLimitConfig small_windows() {
  ConcurrencyLimitConfig config;
  config.window = 100ms;
  config.window_min_samples = 10;
  return config;
}

std::vector<Permit> acquire(ConcurrencyLimit& limit, std::size_t calls, MonotonicTime now) {
  std::vector<Permit> permits;
  for (std::size_t i = 0; i < calls; ++i) {
    auto permit = limit.try_acquire(now);
    EXPECT_TRUE(permit.has_value()) << i;
    if (permit) permits.push_back(std::move(*permit));
  }
  return permits;
}

// Half of the limit used: nothing changes, but the latency without a queue is known.
MonotonicTime warm_up(ConcurrencyLimit& limit);

// So many calls at once that all take so long; returns when they end.
MonotonicTime round(ConcurrencyLimit& limit, std::size_t calls, Duration latency, MonotonicTime now,
                    LimitOutcome outcome = LimitOutcome::kSuccess) {
  auto permits = acquire(limit, calls, now);
  for (auto& permit : permits) permit.report(outcome, now + latency);
  return now + latency;
}

MonotonicTime warm_up(ConcurrencyLimit& limit) { return round(limit, 10, 100ms, kStart); }

TEST(ConcurrencyLimit, GivesAsManyPermitsAsTheLimitAndNoMore) {
  ConcurrencyLimit limit({}, Rng(1));
  auto permits = acquire(limit, 20, kStart);
  EXPECT_FALSE(limit.try_acquire(kStart));
  EXPECT_EQ(limit.available(), 0u);
  EXPECT_EQ(limit.status().refused, 1u);
  permits.pop_back();
  EXPECT_EQ(limit.available(), 1u);
  EXPECT_TRUE(limit.try_acquire(kStart));
}

TEST(ConcurrencyLimit, APermitCountsOnceHoweverItEnds) {
  ConcurrencyLimit limit({}, Rng(1));
  {
    auto permit = limit.try_acquire(kStart);
    ASSERT_TRUE(permit);
    Permit moved = std::move(*permit);
    EXPECT_EQ(limit.status().in_flight, 1u);
    moved.report(LimitOutcome::kSuccess, kStart + 1s);
    moved.report(LimitOutcome::kDropped, kStart + 1s);
    EXPECT_EQ(limit.status().in_flight, 0u);
  }
  EXPECT_EQ(limit.status().in_flight, 0u);
  EXPECT_EQ(limit.status().drops, 0u);
  Permit a = *limit.try_acquire(kStart);
  a = *limit.try_acquire(kStart);
  EXPECT_EQ(limit.status().in_flight, 1u);
}

TEST(ConcurrencyLimit, GrowsByAShareOfItsRootWhileItIsUsedAndLatencyStands) {
  ConcurrencyLimit limit(small_windows(), Rng(1));
  const auto now = round(limit, 20, 100ms, warm_up(limit));
  EXPECT_EQ(limit.status().limit, 22u); // 20 + 0.6 × 4.47
  EXPECT_EQ(limit.status().baseline, 100ms);
  round(limit, 22, 100ms, now);
  EXPECT_EQ(limit.status().limit, 25u);
}

TEST(ConcurrencyLimit, DoesNotGrowWhileItIsNotUsed) {
  ConcurrencyLimit limit(small_windows(), Rng(1));
  auto now = warm_up(limit);
  for (int i = 0; i < 50; ++i) now = round(limit, 15, 100ms, now); // less than 4/5 of 20
  EXPECT_EQ(limit.status().limit, 20u);
  now = round(limit, 16, 100ms, now);
  EXPECT_EQ(limit.status().limit, 22u);
}

TEST(ConcurrencyLimit, AWindowNeedsItsTimeAndItsSamples) {
  ConcurrencyLimit limit(small_windows(), Rng(1));
  warm_up(limit);
  auto permits = acquire(limit, 20, kStart + 100ms);
  for (int i = 0; i < 9; ++i)
    permits[static_cast<std::size_t>(i)].report(LimitOutcome::kSuccess, kStart + 200ms);
  EXPECT_EQ(limit.status().limit, 20u);
  permits[9].report(LimitOutcome::kSuccess, kStart + 199ms); // enough, but too early
  EXPECT_EQ(limit.status().limit, 20u);
  permits[10].report(LimitOutcome::kSuccess, kStart + 200ms);
  EXPECT_EQ(limit.status().limit, 22u);
}

TEST(ConcurrencyLimit, ShrinksWhenCallsTakeLongerThanTolerated) {
  ConcurrencyLimit limit(small_windows(), Rng(1));
  auto now = round(limit, 20, 100ms, warm_up(limit));
  // The first of these ends a window that is mostly the last ones', with gradient 0.98.
  now = round(limit, 22, 400ms, now);
  EXPECT_EQ(limit.status().limit, 25u);
  // The gradient is 0.5 at least: half of the way from 25.1 to 12.5 + 3.0.
  now = round(limit, 25, 400ms, now);
  EXPECT_EQ(limit.status().limit, 20u);
  std::size_t smallest = 20;
  for (int i = 0; i < 60; ++i) {
    now = round(limit, limit.status().limit, 400ms, now);
    smallest = std::min(smallest, limit.status().limit);
  }
  EXPECT_EQ(smallest, 4u); // from where on the latency of so few is the baseline
}

TEST(ConcurrencyLimit, CancelledAndFailedCallsSayNothing) {
  ConcurrencyLimit limit(small_windows(), Rng(1));
  auto now = round(limit, 20, 100ms, warm_up(limit));
  const auto before = limit.status();
  for (int i = 0; i < 50; ++i) now = round(limit, 22, 1ms, now + 1s, LimitOutcome::kIgnored);
  for (int i = 0; i < 50; ++i) acquire(limit, 22, now + 1s);
  EXPECT_EQ(limit.status().limit, before.limit);
  EXPECT_EQ(limit.status().baseline, before.baseline);
}

TEST(ConcurrencyLimit, MeasuresTheBaselineWithHalfOfTheLimitWhenItIsNotKnownWithoutAQueue) {
  ConcurrencyLimit limit(small_windows(), Rng(1));
  auto now = round(limit, 20, 100ms, kStart);
  EXPECT_EQ(limit.status().limit, 22u);
  now = round(limit, 22, 100ms, now); // the second window: a baseline under load is not believed
  EXPECT_TRUE(limit.status().probing);
  EXPECT_EQ(limit.status().limit, 11u);
  // 20 calls that begin now; of the second eleven, nine.
  now = round(limit, 11, 40ms, now);
  now = round(limit, 11, 40ms, now);
  EXPECT_FALSE(limit.status().probing);
  EXPECT_EQ(limit.status().limit, 22u);
  EXPECT_EQ(limit.status().baseline, 40ms);
}

TEST(ConcurrencyLimit, ABaselineIsMeasuredAgainWhenItIsTooOld) {
  ConcurrencyLimit limit(small_windows(), Rng(1));
  auto now = warm_up(limit);
  while (now < kStart + 30s) {
    now = round(limit, limit.status().limit, 100ms, now);
    ASSERT_EQ(limit.status().probes, 0u);
  }
  while (now < kStart + 40s) now = round(limit, limit.status().limit, 100ms, now);
  EXPECT_EQ(limit.status().probes, 1u);
}

TEST(ConcurrencyLimit, DropsShrinkItOnceAWindowHoweverMany) {
  ConcurrencyLimit limit(small_windows(), Rng(1));
  auto permits = acquire(limit, 20, kStart);
  for (auto& permit : permits) permit.report(LimitOutcome::kDropped, kStart + 100ms);
  EXPECT_EQ(limit.status().limit, 18u); // 0.9 of it
  EXPECT_EQ(limit.status().drops, 20u);
  auto now = kStart + 100ms;
  for (int i = 0; i < 100; ++i) now = round(limit, 4, 100ms, now, LimitOutcome::kDropped);
  EXPECT_EQ(limit.status().limit, 4u);
}

TEST(ConcurrencyLimit, ACallWithoutAnAnswerWasDroppedWhenItTookMuchLongerThanUsual) {
  using enum LimitOutcome;
  for (const ErrorCode code : {ErrorCode::kDeadlineExceeded, ErrorCode::kUnavailable}) {
    EXPECT_EQ(limit_outcome_of_failure(code, 300ms, 100ms), kDropped);
    EXPECT_EQ(limit_outcome_of_failure(code, 300ms - 1ns, 100ms), kIgnored);
    EXPECT_EQ(limit_outcome_of_failure(code, 300s, 0ms), kIgnored); // of what?
  }
  EXPECT_EQ(limit_outcome_of_failure(ErrorCode::kUpstream, 300ms, 100ms), kIgnored);
  EXPECT_EQ(limit_outcome_of_failure(ErrorCode::kClientClosed, 300ms, 100ms), kIgnored);
}

TEST(ConcurrencyLimit, AChangeOfTheMixOfKindsIsNoLoad) {
  ConcurrencyLimit limit(small_windows(), Rng(1));
  auto now = warm_up(limit); // ten of kind 0 that take 100 ms
  for (int i = 0; i < 10; ++i) {
    std::vector<Permit> quick;
    for (int call = 0; call < 10; ++call) quick.push_back(*limit.try_acquire(now, 1));
    now += 100ms;
    for (auto& permit : quick) permit.report(LimitOutcome::kSuccess, now - 90ms);
  }
  for (int i = 0; i < 10; ++i) now = round(limit, 16, 100ms, now);
  EXPECT_GE(limit.status().limit, 22u);
  EXPECT_EQ(limit.status().baseline, 100ms);
}

TEST(ConcurrencyLimit, ManyThreadsNeverHoldMoreThanTheLimit) {
  ConcurrencyLimitConfig config;
  config.max_limit = config.initial_limit; // fixed above
  ConcurrencyLimit limit(config, Rng(1));
  std::atomic<int> held = 0;
  std::atomic<int> most = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        Rng rng(static_cast<std::uint64_t>(t));
        auto now = kStart;
        for (int i = 0; i < 2'000; ++i) {
          std::vector<Permit> mine;
          for (auto n = rng.below(10); n > 0; --n) {
            auto permit = limit.try_acquire(now);
            if (!permit) continue;
            const int all = ++held;
            for (int seen = most; all > seen && !most.compare_exchange_weak(seen, all);) {
            }
            mine.push_back(std::move(*permit));
          }
          now += 1ms;
          for (auto& permit : mine) {
            --held;
            permit.report(static_cast<LimitOutcome>(rng.below(3)), now);
          }
        }
      });
    }
  }
  EXPECT_LE(most, 20);
  EXPECT_EQ(limit.status().in_flight, 0u);
}

} // namespace
} // namespace raglan::policy
