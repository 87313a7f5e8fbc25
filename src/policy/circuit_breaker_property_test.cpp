// What holds for the breaker in every order of events.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "policy/circuit_breaker.h"

namespace raglan::policy {
namespace {

using std::chrono::milliseconds;

struct Held {
  CircuitBreaker::Permit permit;
  MonotonicTime began;
};

// Drives a breaker through random events and checks each step against what the header promises.
class Walk {
 public:
  explicit Walk(CircuitBreakerConfig config) : config_(config), breaker_(config) {}

  // One event out of a random number.
  void step(std::uint32_t choice) {
    const auto before = breaker_.status(now_);
    switch (choice % 8) {
      case 0:
      case 1:
      case 2: acquire(before); break;
      case 3: now_ += milliseconds(choice / 8 % 40); break;
      case 4: finish(choice / 8, std::nullopt); break;
      default: finish(choice / 8, static_cast<Outcome>(choice % 8 - 5)); break;
    }
    const auto after = breaker_.status(now_);
    RC_ASSERT(after.generation >= before.generation);
    RC_ASSERT(after.generation - before.generation <= 1u);
    RC_ASSERT((after.state == before.state) == (after.generation == before.generation));
    RC_ASSERT(after.probes <= config_.half_open_probes);
    RC_ASSERT(after.state == BreakerState::kHalfOpen || after.probes == 0u);
    RC_ASSERT(after.state != BreakerState::kClosed ||
              after.consecutive_failures < config_.failure_threshold);
    if (after.state == BreakerState::kOpen && before.state != BreakerState::kOpen) {
      opened_at_ = now_;
    }
  }

  // Whatever happened, a breaker lets a call through once its timeouts are over.
  void recovers() {
    now_ += config_.recovery_timeout + config_.probe_lease;
    auto probe = breaker_.try_acquire(now_);
    RC_ASSERT(probe.has_value());
    probe->report(Outcome::kSuccess, now_);
    held_.clear();
    // At most the other successes that several probes ask for.
    for (std::size_t i = 1; i < config_.half_open_probes; ++i) {
      auto next = breaker_.try_acquire(now_);
      RC_ASSERT(next.has_value());
      next->report(Outcome::kSuccess, now_);
    }
    RC_ASSERT(breaker_.status(now_).state == BreakerState::kClosed);
  }

 private:
  void acquire(const BreakerStatus& before) {
    auto permit = breaker_.try_acquire(now_);
    RC_ASSERT(permit.has_value() == (before.time_to_next_probe == Duration::zero()));
    if (before.state == BreakerState::kClosed) RC_ASSERT(!permit->is_probe());
    if (before.state == BreakerState::kOpen && permit) {
      RC_ASSERT(now_ - opened_at_ >= config_.recovery_timeout);
      RC_ASSERT(permit->is_probe());
    }
    if (permit) held_.push_back({std::move(*permit), now_});
  }

  // Reports on one of the permits, or destroys it.
  void finish(std::size_t which, std::optional<Outcome> outcome) {
    if (held_.empty()) return;
    const auto at = held_.begin() + static_cast<std::ptrdiff_t>(which % held_.size());
    const auto before = breaker_.status(now_);
    const bool stale = at->permit.generation() != before.generation;
    if (outcome) at->permit.report(*outcome, now_);
    held_.erase(at);
    const auto after = breaker_.status(now_);
    if (stale || !outcome || *outcome == Outcome::kNeutral) {
      RC_ASSERT(after.generation == before.generation);
      RC_ASSERT(after.consecutive_failures == before.consecutive_failures);
    }
    if (before.state == BreakerState::kClosed && after.state == BreakerState::kOpen) {
      RC_ASSERT(before.consecutive_failures + 1 == config_.failure_threshold);
      RC_ASSERT(outcome == Outcome::kFailure);
    }
    if (before.state == BreakerState::kOpen) RC_ASSERT(after.state == BreakerState::kOpen);
  }

  const CircuitBreakerConfig config_;
  CircuitBreaker breaker_;
  std::vector<Held> held_;
  MonotonicTime now_{std::chrono::hours(1)};
  MonotonicTime opened_at_{};
};

RC_GTEST_PROP(CircuitBreakerProperty, HoldsInEveryOrderOfEvents, ()) {
  CircuitBreakerConfig config;
  config.failure_threshold = *rc::gen::inRange<std::size_t>(1, 5);
  config.half_open_probes = *rc::gen::inRange<std::size_t>(1, 4);
  config.recovery_timeout = milliseconds(*rc::gen::inRange(1, 100));
  config.probe_lease = milliseconds(*rc::gen::inRange(1, 100));
  Walk walk(config);
  const auto choices = *rc::gen::scale(8.0, rc::gen::arbitrary<std::vector<std::uint32_t>>());
  for (const auto choice : choices) walk.step(choice);
  walk.recovers();
}

} // namespace
} // namespace raglan::policy
