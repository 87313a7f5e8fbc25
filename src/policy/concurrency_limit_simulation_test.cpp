// The limit in front of a simulated callee, and in every order of events.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>
#include <queue>
#include <vector>

#include "policy/concurrency_limit.h"

namespace raglan::policy {
namespace {

using namespace std::chrono_literals;
using Permit = ConcurrencyLimit::Permit;

constexpr MonotonicTime kStart{1h};

Duration exponential(Rng& rng, double mean_seconds) {
  return std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(-std::log(1 - rng.uniform()) * mean_seconds));
}

// A callee that works on `workers` calls at a time, for an exponential time each, and lets the
// others wait in order; calls come by a Poisson process and are refused by the limit.
class Callee {
 public:
  Callee(std::size_t workers, double service_seconds, std::uint64_t seed)
      : free_at_(workers, kStart), service_seconds_(service_seconds), rng_(seed) {}

  struct Result {
    double goodput = 0; // calls done a second
    double latency = 0; // mean, seconds
    double limit = 0;   // mean
  };

  void workers(std::size_t count) { free_at_.assign(count, now_); }
  void service_seconds(double seconds) { service_seconds_ = seconds; }

  Result run(ConcurrencyLimit& limit, double calls_per_second, Duration time) {
    Result result;
    const MonotonicTime end = now_ + time;
    std::size_t done = 0;
    std::size_t calls = 0;
    MonotonicTime next = now_;
    while (true) {
      next += exponential(rng_, 1 / calls_per_second);
      while (!under_way_.empty() && under_way_.top().ends <= next) {
        const Call& call = under_way_.top();
        permits_[call.permit]->report(LimitOutcome::kSuccess, call.ends);
        permits_[call.permit].reset();
        unused_.push_back(call.permit);
        ++done;
        result.latency += std::chrono::duration<double>(call.ends - call.began).count();
        under_way_.pop();
      }
      if (next >= end) break;
      now_ = next;
      begin(limit);
      ++calls;
      result.limit += static_cast<double>(limit.status().limit);
    }
    now_ = end;
    result.goodput = static_cast<double>(done) / std::chrono::duration<double>(time).count();
    result.latency /= static_cast<double>(std::max<std::size_t>(done, 1));
    result.limit /= static_cast<double>(calls);
    return result;
  }

 private:
  struct Call {
    MonotonicTime ends;
    MonotonicTime began;
    std::size_t permit;
    bool operator<(const Call& other) const { return ends > other.ends; }
  };

  void begin(ConcurrencyLimit& limit) {
    auto permit = limit.try_acquire(now_);
    if (!permit) return;
    if (unused_.empty()) {
      unused_.push_back(permits_.size());
      permits_.emplace_back();
    }
    const std::size_t at = unused_.back();
    unused_.pop_back();
    permits_[at].emplace(std::move(*permit));
    auto& free = *std::min_element(free_at_.begin(), free_at_.end());
    free = std::max(free, now_) + exponential(rng_, service_seconds_);
    under_way_.push({free, now_, at});
  }

  std::vector<MonotonicTime> free_at_;
  double service_seconds_;
  Rng rng_;
  MonotonicTime now_ = kStart;
  std::priority_queue<Call> under_way_;
  std::vector<std::optional<Permit>> permits_;
  std::vector<std::size_t> unused_;
};

void report(const char* name, const Callee::Result& result) {
  std::printf("  %s: %.0f calls/s, latency %.0f ms, limit %.1f\n", name, result.goodput,
              result.latency * 1000, result.limit);
}

TEST(ConcurrencyLimitSimulation, FindsWhatTheCalleeCanDoUnderThreeAndTenTimesTheLoad) {
  // 40 at a time, 100 ms each: 400 a second.
  for (const double load : {3.0, 10.0}) {
    ConcurrencyLimit limit({}, Rng(1));
    Callee callee(40, 0.1, 7);
    callee.run(limit, 320, 5s);
    callee.run(limit, 400 * load, 10s);
    const auto result = callee.run(limit, 400 * load, 120s);
    report(load == 3 ? "3x" : "10x", result);
    EXPECT_GT(result.goodput, 0.95 * 400);
    EXPECT_LT(result.latency, 0.2);
    EXPECT_GT(limit.status().probes, 2u);
  }
}

TEST(ConcurrencyLimitSimulation, StartedUnderOverloadItFindsTheTrueLatencyByMeasuring) {
  ConcurrencyLimitConfig config;
  config.initial_limit = 400; // ten times what the callee can do: the first baseline is 1 s
  ConcurrencyLimit limit(config, Rng(1));
  Callee callee(40, 0.1, 7);
  callee.run(limit, 2'000, 200s);
  const auto result = callee.run(limit, 2'000, 60s);
  report("started overloaded", result);
  EXPECT_LT(result.latency, 0.25);
  EXPECT_GT(result.goodput, 0.9 * 400);
}

TEST(ConcurrencyLimitSimulation, FollowsACalleeThatLosesAndRegainsCapacity) {
  ConcurrencyLimit limit({}, Rng(1));
  Callee callee(40, 0.1, 7);
  callee.run(limit, 1'200, 60s);
  callee.workers(10);
  callee.run(limit, 1'200, 30s);
  const auto less = callee.run(limit, 1'200, 60s);
  report("a quarter of the workers", less);
  EXPECT_GT(less.goodput, 0.9 * 100);
  EXPECT_LT(less.latency, 0.3);
  callee.workers(40);
  callee.run(limit, 1'200, 30s);
  const auto more = callee.run(limit, 1'200, 60s);
  report("all of them again", more);
  EXPECT_GT(more.goodput, 0.93 * 400);
}

TEST(ConcurrencyLimitSimulation, CallsThatReallyTakeLongerAreBelievedAfterAMeasurement) {
  ConcurrencyLimit limit({}, Rng(1));
  Callee callee(40, 0.1, 7);
  callee.run(limit, 1'200, 60s);
  callee.service_seconds(0.3);
  callee.run(limit, 1'200, 60s);
  const auto result = callee.run(limit, 1'200, 60s);
  report("calls three times as long", result);
  EXPECT_GT(result.goodput, 0.9 * 133);
}

// Eight at a time for 5 s each: a measurement takes a minute, and must not take up most of the
// time.
TEST(ConcurrencyLimitSimulation, FewAndLongCallsAreNotKeptOutByMeasuring) {
  ConcurrencyLimit limit({.initial_limit = 8, .max_limit = 8}, Rng(1));
  Callee callee(8, 5, 7);
  callee.run(limit, 8, 10min);
  const auto result = callee.run(limit, 8, 60min);
  report("eight at a time, 5 s each", result);
  EXPECT_GT(result.goodput, 0.9 * 8 / 5);
  EXPECT_GT(limit.status().probes, 2u);
}

// Ten thousand random schedules of calls, outcomes, cancellations and time:
//   Bounded   the limit is within its bounds, while it measures too
//   NeverMore no permit is given while as many as the limit are out
//   Balanced  what is under way is what is held; in the end nothing is
//   Ignored   a call that is cancelled, destroyed or failed for its own reasons moves no limit
//   OneFactor one report shrinks the limit by no more than the drop ratio or, by latency, a quarter
TEST(ConcurrencyLimitSimulation, HoldsInEveryOrderOfEvents) {
  for (std::uint64_t seed = 0; seed < 10'000; ++seed) {
    Rng rng(seed);
    ConcurrencyLimitConfig config;
    config.min_limit = 1 + rng.below(4);
    config.initial_limit = config.min_limit + rng.below(10);
    config.max_limit = config.initial_limit + rng.below(20);
    config.window = std::chrono::milliseconds(1 + rng.below(20));
    config.window_min_samples = 1 + rng.below(4);
    config.baseline_window = std::chrono::milliseconds(100 + rng.below(400));
    ConcurrencyLimit limit(config, Rng(seed));
    std::vector<Permit> held;
    MonotonicTime now = kStart;
    for (int i = 0; i < 100; ++i) {
      const auto before = limit.status();
      ASSERT_EQ(before.in_flight, held.size()) << "Balanced, seed " << seed;
      ASSERT_GE(before.limit, config.min_limit) << "Bounded, seed " << seed;
      ASSERT_LE(before.limit, config.max_limit) << "Bounded, seed " << seed;
      const auto choice = rng.below(8);
      if (choice < 4 || held.empty()) {
        auto permit = limit.try_acquire(now, rng.below(6));
        ASSERT_EQ(permit.has_value(), held.size() < before.limit) << "NeverMore, seed " << seed;
        if (permit) held.push_back(std::move(*permit));
      } else {
        now += std::chrono::microseconds(rng.below(20'000));
        const auto which = rng.below(held.size());
        std::swap(held[which], held.back());
        const auto outcome = static_cast<LimitOutcome>(rng.below(3));
        if (choice < 7) held.back().report(outcome, now);
        held.pop_back();
        const auto after = limit.status();
        if (before.probing != after.probing) continue; // half of the limit, or all of it again
        if (choice == 7 || outcome == LimitOutcome::kIgnored) {
          ASSERT_TRUE(after.limit == before.limit) << "Ignored, seed " << seed;
        } else {
          ASSERT_GE(static_cast<double>(after.limit) + 1.01,
                    0.74 * static_cast<double>(before.limit))
              << "OneFactor, seed " << seed;
        }
      }
    }
    held.clear();
    ASSERT_EQ(limit.status().in_flight, 0u) << "Balanced, seed " << seed;
  }
}

} // namespace
} // namespace raglan::policy
