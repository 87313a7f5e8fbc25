#include "policy/circuit_breaker.h"

#include <algorithm>
#include <utility>

namespace raglan::policy {

std::string_view breaker_state_name(BreakerState state) {
  switch (state) {
    case BreakerState::kClosed: return "closed";
    case BreakerState::kOpen: return "open";
    case BreakerState::kHalfOpen: return "half_open";
  }
  return "unknown";
}

CircuitBreaker::Permit::Permit(Permit&& other) noexcept
    : breaker_(std::exchange(other.breaker_, nullptr)),
      generation_(other.generation_),
      lease_(other.lease_),
      began_(other.began_) {}

CircuitBreaker::Permit& CircuitBreaker::Permit::operator=(Permit&& other) noexcept {
  if (this == &other) return *this;
  release();
  breaker_ = std::exchange(other.breaker_, nullptr);
  generation_ = other.generation_;
  lease_ = other.lease_;
  began_ = other.began_;
  return *this;
}

void CircuitBreaker::Permit::report(Outcome outcome, MonotonicTime now) {
  if (auto* breaker = std::exchange(breaker_, nullptr)) breaker->report(*this, outcome, now);
}

void CircuitBreaker::Permit::release() {
  if (auto* breaker = std::exchange(breaker_, nullptr)) breaker->release(*this);
}

CircuitBreaker::CircuitBreaker(CircuitBreakerConfig config) : config_(config) {}

std::optional<CircuitBreaker::Permit> CircuitBreaker::try_acquire(MonotonicTime now) {
  return state_.with([&](State& state) -> std::optional<Permit> {
    if (state.state == BreakerState::kClosed) return Permit(*this, state.generation, 0, now);
    if (state.state == BreakerState::kOpen && now - state.opened_at >= config_.recovery_timeout) {
      enter(state, BreakerState::kHalfOpen, now);
    }
    std::erase_if(state.leases, [now](const Lease& lease) { return lease.expires_at <= now; });
    if (state.state == BreakerState::kOpen || state.leases.size() >= config_.half_open_probes) {
      ++state.refused;
      return std::nullopt;
    }
    state.leases.push_back({++state.last_lease, now + config_.probe_lease});
    return Permit(*this, state.generation, state.last_lease, now);
  });
}

BreakerStatus CircuitBreaker::status(MonotonicTime now) const {
  return state_.with([&](const State& state) {
    BreakerStatus status;
    status.state = state.state;
    status.generation = state.generation;
    status.transitions = state.generation; // each begins one
    status.refused = state.refused;
    status.consecutive_failures = state.consecutive_failures;
    Duration first_expiry = Duration::max();
    for (const auto& lease : state.leases) {
      if (lease.expires_at <= now) continue;
      ++status.probes;
      first_expiry = std::min(first_expiry, lease.expires_at - now);
    }
    if (state.state == BreakerState::kOpen) {
      const Duration left = state.opened_at + config_.recovery_timeout - now;
      status.time_to_next_probe = std::max(left, Duration::zero());
    } else if (status.probes >= config_.half_open_probes) {
      status.time_to_next_probe = first_expiry;
    }
    return status;
  });
}

void CircuitBreaker::report(const Permit& permit, Outcome outcome, MonotonicTime now) {
  state_.with([&](State& state) {
    if (permit.generation_ != state.generation) return;
    std::erase_if(state.leases, [&](const Lease& lease) { return lease.id == permit.lease_; });
    if (outcome == Outcome::kNeutral) return;
    const bool failed = outcome == Outcome::kFailure;
    const bool slow = config_.window_calls > 0 && config_.slow_call > Duration::zero() &&
                      now - permit.began_ >= config_.slow_call;
    if (state.state == BreakerState::kClosed) {
      report_closed(state, failed, slow, now);
    } else {
      report_probe(state, failed || slow, now);
    }
  });
}

void CircuitBreaker::release(const Permit& permit) {
  state_.with([&](State& state) {
    std::erase_if(state.leases, [&](const Lease& lease) { return lease.id == permit.lease_; });
  });
}

void CircuitBreaker::enter(State& state, BreakerState next, MonotonicTime now) const {
  state.state = next;
  ++state.generation;
  state.leases.clear();
  state.probe_successes = 0;
  if (next == BreakerState::kOpen) state.opened_at = now;
  if (next == BreakerState::kClosed) {
    state.consecutive_failures = 0;
    state.window = {};
  }
}

void CircuitBreaker::report_closed(State& state, bool failed, bool slow, MonotonicTime now) const {
  state.consecutive_failures = failed ? state.consecutive_failures + 1 : 0;
  remember(state.window, failed, slow);
  if (state.consecutive_failures >= config_.failure_threshold || window_says_open(state.window)) {
    enter(state, BreakerState::kOpen, now);
  }
}

void CircuitBreaker::report_probe(State& state, bool failed, MonotonicTime now) const {
  if (failed) {
    ++state.consecutive_failures;
    enter(state, BreakerState::kOpen, now);
  } else if (++state.probe_successes >= config_.half_open_probes) {
    enter(state, BreakerState::kClosed, now);
  }
}

void CircuitBreaker::remember(Window& window, bool failed, bool slow) const {
  if (config_.window_calls == 0) return;
  window.failed += failed ? 1 : 0;
  window.slow += slow ? 1 : 0;
  if (window.calls.size() < config_.window_calls) {
    window.calls.push_back({failed, slow});
    return;
  }
  auto& oldest = window.calls[window.next];
  window.failed -= oldest.failed ? 1 : 0;
  window.slow -= oldest.slow ? 1 : 0;
  oldest = {failed, slow};
  window.next = (window.next + 1) % config_.window_calls;
}

bool CircuitBreaker::window_says_open(const Window& window) const {
  const auto known = window.calls.size();
  if (known == 0 || known < config_.window_min_calls) return false;
  // A quotient and not a product: 3 of 10 is exactly 0.3.
  const auto share = [known](std::size_t count) {
    return static_cast<double>(count) / static_cast<double>(known);
  };
  if (share(window.failed) >= config_.failure_rate) return true;
  return config_.slow_call > Duration::zero() && share(window.slow) >= config_.slow_call_rate;
}

} // namespace raglan::policy
