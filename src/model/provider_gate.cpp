#include "model/provider_gate.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace raglan::model {

ProviderGate::ProviderGate(std::string_view kind, const ProviderPolicies& policies,
                           Observer observer, const Clock& clock)
    : kind_(kind),
      backoff_(policies.backoff),
      observer_(std::move(observer)),
      clock_(clock),
      breaker_(policies.breaker),
      budget_(policies.retry_budget) {}

Result<> ProviderGate::check() const {
  if (const int status = refusal_; status != 0) {
    return std::unexpected(model::judge_status(kind_, status, {}, clock_.wall_now()).error);
  }
  if (breaker_status().state != policy::BreakerState::kOpen) return {};
  return provider_left_alone(kind_);
}

ProviderVerdict ProviderGate::judge_status(int status, const http::Headers& headers) {
  ProviderVerdict verdict = model::judge_status(kind_, status, headers, clock_.wall_now());
  if (verdict.hold) {
    const MonotonicTime until = clock_.now() + std::min<Duration>(*verdict.hold, kLongestHold);
    held_until_.with([&](MonotonicTime& held) { held = std::max(held, until); });
  }
  return verdict;
}

ProviderVerdict ProviderGate::judge_error(ErrorCode code, bool cut_short) const {
  return model::judge_error(kind_, code, cut_short);
}

void ProviderGate::note(int status) {
  const bool refused = status == 401 || status == 403 || status == 404;
  if (!refused && (status < 200 || status >= 300)) return;
  const int before = refusal_.exchange(refused ? status : 0);
  if (refused && before != status) {
    log_warning("a provider refuses all calls", {{"provider", kind_}, {"status", status}});
  }
  if (!refused && before != 0) {
    log_info("a provider takes calls again", {{"provider", kind_}});
  }
}

Duration ProviderGate::held_for(MonotonicTime now) const {
  const MonotonicTime until = held_until_.with([](const MonotonicTime& held) { return held; });
  return until <= now ? Duration::zero() : until - now;
}

void ProviderCall::Attempt::report(std::string_view code, policy::Outcome outcome) {
  const MonotonicTime ended = gate_->clock_.now();
  permit_.report(outcome, ended);
  if (gate_->observer_) gate_->observer_(code, ended - began_);
}

ProviderCall::ProviderCall(ProviderGate& gate, Limits limits)
    : gate_(gate),
      limits_(limits),
      live_(gate.budget_.begin_request()),
      backoff_(gate.backoff_),
      rng_(random_seed()) {}

Result<Duration> ProviderCall::hold() {
  const MonotonicTime now = gate_.clock_.now();
  const Duration held = gate_.held_for(now);
  if (held == Duration::zero()) return held;
  const Duration wait = backoff_.next(rng_, held);
  const bool in_time = limits_.last_resort && limits_.deadline.allows(wait, now);
  return in_time ? Result<Duration>(wait) : provider_throttled(gate_.kind_);
}

Result<ProviderCall::Attempt> ProviderCall::begin() {
  const MonotonicTime now = gate_.clock_.now();
  if (limits_.deadline.expired(now)) return provider_deadline_passed(gate_.kind_);
  auto permit = gate_.breaker_.try_acquire(now);
  if (!permit) return provider_left_alone(gate_.kind_);
  ++attempts_;
  return Attempt(gate_, std::move(*permit), now);
}

std::optional<Duration> ProviderCall::retry_after(ProviderVerdict::Next next) {
  using Next = ProviderVerdict::Next;
  if (next == Next::kNone || !limits_.last_resort || attempts_ >= limits_.max_attempts) {
    return std::nullopt;
  }
  if (next == Next::kWhenAllowed) return Duration::zero(); // `hold` waits
  if (!retrying_) retrying_ = gate_.budget_.try_acquire_retry();
  const Duration wait = backoff_.next(rng_);
  const bool in_time = limits_.deadline.allows(wait + limits_.attempt_timeout, gate_.clock_.now());
  return retrying_ && in_time ? std::optional(wait) : std::nullopt;
}

} // namespace raglan::model
