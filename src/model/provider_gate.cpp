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
      budget_(policies.retry_budget),
      nodes_(policies.nodes),
      pacer_(policies.quota) {}

Result<> ProviderGate::check() const {
  if (const int status = refusal_; status != 0) {
    return std::unexpected(model::judge_status(kind_, status, {}, clock_.wall_now()).error);
  }
  if (breaker_status().state != policy::BreakerState::kOpen) return {};
  return provider_left_alone(kind_);
}

ProviderVerdict ProviderGate::judge_status(int status, const http::Headers& headers) const {
  return model::judge_status(kind_, status, headers, clock_.wall_now());
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

policy::PacerStatus ProviderGate::quota_status() const {
  const MonotonicTime now = clock_.now();
  return pacer_.with([now](policy::Pacer& pacer) { return pacer.status(now); });
}

void ProviderGate::observe(const policy::QuotaReport& quota) {
  const MonotonicTime now = clock_.now();
  pacer_.with([&](policy::Pacer& pacer) { pacer.observe(quota, now); });
}

ProviderGate::Slot ProviderGate::reserve(const std::optional<policy::PacerSlot>& reserved,
                                         double tokens, policy::Tier tier, Deadline deadline,
                                         MonotonicTime now) {
  const std::size_t nodes = nodes_ ? nodes_() : 1;
  return pacer_.with([&](policy::Pacer& pacer) {
    pacer.set_nodes(nodes);
    return reserved ? pacer.confirm(*reserved, deadline, now)
                    : pacer.reserve({tokens}, tier, deadline, now);
  });
}

void ProviderGate::give_back(const policy::PacerSlot& slot) {
  const MonotonicTime now = clock_.now();
  pacer_.with([&](policy::Pacer& pacer) { pacer.cancel(slot, now); });
}

void ProviderGate::pace(const policy::PacerSlot& slot, const ProviderAnswer& answer,
                        MonotonicTime now) {
  const bool alert = pacer_.with([&](policy::Pacer& pacer) {
    if (answer.throttled) {
      pacer.throttled(slot, answer.hold, now);
    } else {
      pacer.completed(slot, answer.tokens, now);
    }
    return pacer.status(now).alert;
  });
  if (alert != alerted_.exchange(alert) && alert) {
    log_warning("a provider's quota is nearly used up", {{"provider", kind_}});
  }
}

void ProviderCall::Attempt::report(std::string_view code, const ProviderAnswer& answer) {
  const MonotonicTime ended = gate_->clock_.now();
  permit_.report(answer.outcome, ended);
  gate_->pace(slot_, answer, ended);
  if (gate_->observer_) gate_->observer_(code, ended - began_);
}

ProviderCall::ProviderCall(ProviderGate& gate, Limits limits)
    : gate_(gate),
      limits_(limits),
      live_(gate.budget_.begin_request()),
      backoff_(gate.backoff_),
      rng_(random_seed()) {}

ProviderCall::~ProviderCall() {
  if (slot_) gate_.give_back(*slot_);
}

Result<Duration> ProviderCall::hold() {
  const MonotonicTime now = gate_.clock_.now();
  if (limits_.deadline.expired(now)) return provider_deadline_passed(gate_.kind_);
  // Nobody waits for the quota of a provider that is left alone then.
  const policy::BreakerStatus breaker = gate_.breaker_.status(now);
  const bool left_alone =
      breaker.state == policy::BreakerState::kOpen && breaker.time_to_next_probe > Duration::zero();
  if (left_alone) return provider_left_alone(gate_.kind_);
  const auto slot = gate_.reserve(slot_, limits_.tokens, limits_.tier, limits_.deadline, now);
  slot_ = slot ? std::optional(*slot) : std::nullopt;
  if (slot && slot->start <= now) return Duration::zero();
  if (!limits_.last_resort) return provider_throttled(gate_.kind_);
  if (slot) return slot->start - now;
  const policy::PacerRefusal& refusal = slot.error();
  const bool never =
      refusal.reason == policy::PacerReason::kTooLarge && refusal.retry_after == Duration::zero();
  if (never && !gate_.too_large_.exchange(true)) {
    log_warning("a call needs more tokens than the provider's quota has in a minute",
                {{"provider", gate_.kind_}, {"tokens", limits_.tokens}});
  }
  if (refusal.ask_again) {
    const Duration wait = backoff_.next(rng_, refusal.retry_after);
    if (limits_.deadline.allows(wait, now)) return wait;
  }
  return provider_throttled(gate_.kind_);
}

Result<ProviderCall::Attempt> ProviderCall::begin() {
  const MonotonicTime now = gate_.clock_.now();
  if (limits_.deadline.expired(now)) return provider_deadline_passed(gate_.kind_);
  if (!slot_) return fail(ErrorCode::kInternal, "an attempt that was not waited for");
  auto permit = gate_.breaker_.try_acquire(now);
  if (!permit) return provider_left_alone(gate_.kind_);
  ++attempts_;
  return Attempt(gate_, std::move(*permit), *std::exchange(slot_, std::nullopt), now);
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
