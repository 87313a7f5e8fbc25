// What holds for the breaker in every order of events.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "policy/circuit_breaker.h"

namespace raglan::policy {
namespace {

using std::chrono::milliseconds;

struct Held {
  CircuitBreaker::Permit permit;
  MonotonicTime began;
};

struct Call {
  bool failed;
  bool slow;
};

// What came up in all the walks: an invariant of what never happens holds for nothing.
struct Seen {
  std::size_t opened_in_a_row = 0;
  std::size_t opened_by_window = 0;
  std::size_t opened_by_probe = 0;
  std::size_t closed = 0;
  std::size_t stale = 0;
  std::size_t neutral = 0;
  std::size_t probes_refused = 0;
};

// Drives a breaker through random events and checks each step:
//   OneProbe         only a closed breaker lets more than half_open_probes through at a time, one
//                    whose lease is over not counted; an open one lets none through before
//                    recovery_timeout is over; and who may come does
//   StaleDropped     what comes of a call from before the last change of state changes nothing
//   NeutralNothing   no more does a neutral outcome or none, but that a probe's place is free again
//   OpensAtThreshold a closed breaker opens with the failure that is the failure_threshold-th in a
//                    row or with the call by which the window has failure_rate or slow_call_rate,
//                    and with no other; a half-open one with one failure; it closes with as many
//                    successes as there are probes
//   Recovers         whatever happened, once its timeouts are over as many successes close it
class Walk {
 public:
  Walk(std::uint64_t seed, Seen& seen)
      : seed_(seed), rng_(seed), seen_(seen), config_(some_config()), breaker_(config_) {}

  void step() {
    switch (rng_.below(8)) {
      case 0:
      case 1:
      case 2: acquire(); break;
      case 3: now_ += milliseconds(rng_.below(40)); break;
      case 4: finish(std::nullopt); break;
      case 5: finish(Outcome::kNeutral); break;
      // Half of the walks are of an upstream that mostly fails.
      default: finish(rng_.below(8) < successes_ ? Outcome::kSuccess : Outcome::kFailure); break;
    }
  }

  // With all that is still held: lost probes block nothing.
  void recover() {
    now_ += config_.recovery_timeout + config_.probe_lease;
    const BreakerState before = breaker_.status(now_).state;
    for (std::size_t i = 0; i < config_.half_open_probes; ++i) {
      auto permit = breaker_.try_acquire(now_);
      ASSERT_TRUE(permit) << "Recovers, seed " << seed_;
      permit->report(Outcome::kSuccess, now_);
      // A success can be the call with which enough of the window are known.
      if (before == BreakerState::kClosed) return;
    }
    ASSERT_EQ(breaker_.status(now_).state, BreakerState::kClosed) << "Recovers, seed " << seed_;
  }

 private:
  CircuitBreakerConfig some_config() {
    CircuitBreakerConfig config;
    config.failure_threshold = 1 + rng_.below(5);
    config.half_open_probes = rng_.below(2) == 0 ? 1 : 1 + rng_.below(4);
    config.recovery_timeout = milliseconds(1 + rng_.below(100));
    config.probe_lease = milliseconds(1 + rng_.below(100));
    successes_ = rng_.below(2) == 0 ? 2 : 6;
    if (seed_ % 2 == 0) return config; // no window
    config.failure_threshold += rng_.below(10);
    config.window_min_calls = 1 + rng_.below(8);
    config.window_calls = config.window_min_calls + rng_.below(8);
    config.failure_rate = 0.1 * static_cast<double>(1 + rng_.below(10));
    config.slow_call_rate = 0.1 * static_cast<double>(1 + rng_.below(10));
    config.slow_call = milliseconds(rng_.below(2) == 0 ? 0 : 20 + rng_.below(60));
    return config;
  }

  void acquire() {
    const BreakerStatus before = breaker_.status(now_);
    const std::size_t out = probes_out(before.generation);
    auto permit = breaker_.try_acquire(now_);
    const BreakerStatus after = breaker_.status(now_);
    const bool tried_open = before.state == BreakerState::kOpen;
    const bool may = before.state == BreakerState::kClosed ||
                     (tried_open && now_ - opened_at_ >= config_.recovery_timeout) ||
                     (before.state == BreakerState::kHalfOpen && out < config_.half_open_probes);
    ASSERT_EQ(permit.has_value(), may) << "OneProbe, seed " << seed_;
    ASSERT_EQ(before.time_to_next_probe == Duration::zero(), may) << "OneProbe, seed " << seed_;
    if (!permit) {
      if (before.state == BreakerState::kHalfOpen) ++seen_.probes_refused;
      ASSERT_EQ(after.generation, before.generation) << "OneProbe, seed " << seed_;
      ASSERT_EQ(after.refused, before.refused + 1) << "OneProbe, seed " << seed_;
      return;
    }
    const bool closed = before.state == BreakerState::kClosed;
    ASSERT_EQ(permit->is_probe(), !closed) << "OneProbe, seed " << seed_;
    ASSERT_EQ(after.state, closed ? BreakerState::kClosed : BreakerState::kHalfOpen)
        << "OneProbe, seed " << seed_;
    ASSERT_EQ(permit->generation(), after.generation) << "OneProbe, seed " << seed_;
    ASSERT_EQ(after.generation, before.generation + (tried_open ? 1 : 0))
        << "OneProbe, seed " << seed_;
    if (tried_open) successes_in_a_row_ = 0;
    held_.push_back({std::move(*permit), now_});
    ASSERT_LE(probes_out(after.generation), config_.half_open_probes) << "OneProbe, seed " << seed_;
  }

  // Counted here, and not by the breaker.
  std::size_t probes_out(std::uint64_t generation) const {
    return static_cast<std::size_t>(std::ranges::count_if(held_, [&](const Held& held) {
      return held.permit.is_probe() && held.permit.generation() == generation &&
             now_ < held.began + config_.probe_lease;
    }));
  }

  // Reports on one of the permits, or destroys it.
  void finish(std::optional<Outcome> outcome) {
    if (held_.empty()) return;
    std::swap(held_[rng_.below(held_.size())], held_.back());
    const BreakerStatus before = breaker_.status(now_);
    const bool stale = held_.back().permit.generation() != before.generation;
    const Duration took = now_ - held_.back().began;
    if (outcome) held_.back().permit.report(*outcome, now_);
    held_.pop_back();
    const BreakerStatus after = breaker_.status(now_);
    ASSERT_EQ(after.probes, probes_out(after.generation)) << "OneProbe, seed " << seed_;
    if (stale) {
      ++seen_.stale;
      expect_unchanged("StaleDropped", before, after);
      ASSERT_EQ(after.time_to_next_probe, before.time_to_next_probe)
          << "StaleDropped, seed " << seed_;
    } else if (!outcome || *outcome == Outcome::kNeutral) {
      ++seen_.neutral;
      expect_unchanged("NeutralNothing", before, after);
    } else {
      const bool failed = *outcome == Outcome::kFailure;
      const bool slow = config_.window_calls > 0 && config_.slow_call > milliseconds(0) &&
                        took >= config_.slow_call;
      check_change(before, after, {failed, slow});
    }
  }

  void expect_unchanged(const char* invariant, const BreakerStatus& before,
                        const BreakerStatus& after) const {
    ASSERT_EQ(after.state, before.state) << invariant << ", seed " << seed_;
    ASSERT_EQ(after.generation, before.generation) << invariant << ", seed " << seed_;
    ASSERT_EQ(after.consecutive_failures, before.consecutive_failures)
        << invariant << ", seed " << seed_;
  }

  void check_change(const BreakerStatus& before, const BreakerStatus& after, Call call) {
    BreakerState expected = before.state;
    if (before.state == BreakerState::kClosed) {
      if (opens(before, call)) expected = BreakerState::kOpen;
    } else if (call.failed || call.slow) {
      expected = BreakerState::kOpen;
      ++seen_.opened_by_probe;
    } else if (++successes_in_a_row_ == config_.half_open_probes) {
      expected = BreakerState::kClosed;
      window_.clear();
      ++seen_.closed;
    }
    ASSERT_EQ(after.state, expected) << "OpensAtThreshold, seed " << seed_;
    ASSERT_EQ(after.generation, before.generation + (expected == before.state ? 0 : 1))
        << "OpensAtThreshold, seed " << seed_;
    if (expected == BreakerState::kOpen) opened_at_ = now_;
  }

  // Whether a closed breaker is to open with this call, by all that it was told before.
  bool opens(const BreakerStatus& before, Call call) {
    const bool in_a_row =
        call.failed && before.consecutive_failures + 1 >= config_.failure_threshold;
    if (in_a_row) ++seen_.opened_in_a_row;
    if (config_.window_calls == 0) return in_a_row;
    window_.push_back(call);
    if (window_.size() > config_.window_calls) window_.pop_front();
    const auto known = static_cast<double>(window_.size());
    const auto failed = static_cast<double>(std::ranges::count(window_, true, &Call::failed));
    const auto slow = static_cast<double>(std::ranges::count(window_, true, &Call::slow));
    const bool by_window = window_.size() >= config_.window_min_calls &&
                           (failed / known >= config_.failure_rate ||
                            (slow > 0 && slow / known >= config_.slow_call_rate));
    if (by_window && !in_a_row) ++seen_.opened_by_window;
    return in_a_row || by_window;
  }

  const std::uint64_t seed_;
  Rng rng_;
  Seen& seen_;
  std::uint64_t successes_ = 0; // of eight outcomes; before config_, which draws it
  const CircuitBreakerConfig config_;
  CircuitBreaker breaker_;
  std::vector<Held> held_;
  MonotonicTime now_{std::chrono::hours(1)};
  MonotonicTime opened_at_{};
  std::size_t successes_in_a_row_ = 0; // of probes, since it is half-open
  std::deque<Call> window_;
};

TEST(CircuitBreakerProperty, HoldsInEveryOrderOfEvents) {
  Seen seen;
  for (std::uint64_t seed = 0; seed < 10'000; ++seed) {
    Walk walk(seed, seen);
    for (int i = 0; i < 120 && !testing::Test::HasFatalFailure(); ++i) walk.step();
    if (!testing::Test::HasFatalFailure()) walk.recover();
    if (testing::Test::HasFatalFailure()) return;
  }
  for (const std::size_t times : {seen.opened_in_a_row, seen.opened_by_window, seen.opened_by_probe,
                                  seen.closed, seen.stale, seen.neutral, seen.probes_refused}) {
    EXPECT_GT(times, 1'000u);
  }
}

} // namespace
} // namespace raglan::policy
