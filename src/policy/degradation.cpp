#include "policy/degradation.h"

#include <algorithm>
#include <cmath>

namespace raglan::policy {
namespace {

double to_seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// The thresholds are taken to be half a microsecond further out, where no delay in whole
// microseconds stands: one that does is approached for ever, and would be passed by rounding.
constexpr double kBesideSeconds = 0.5e-6;

} // namespace

Deadline generation_deadline(Deadline deadline, MonotonicTime now) {
  if (deadline.never()) return deadline;
  return Deadline(deadline.at() - std::min<Duration>(deadline.remaining(now) / 20, kReplyTime));
}

int effective_level(int controller_level, Tier tier) {
  const int relief = tier == Tier::kVip ? 2 : tier == Tier::kPaid ? 1 : 0;
  return std::clamp(controller_level - relief, 0, kMaxServiceLevel);
}

ServicePlan service_plan(const DegradationConfig& config, int level, std::size_t top_k) {
  ServicePlan plan;
  plan.level = std::clamp(level, 0, kMaxServiceLevel);
  plan.top_k = plan.level >= 1 ? std::min(top_k, config.reduced_top_k) : top_k;
  plan.rerank = plan.level < 1;
  plan.generate = plan.level < 2;
  plan.cache_only = plan.level >= 3;
  return plan;
}

std::string_view degradation_reason(const DegradationStatus& status, int effective) {
  if (effective <= 0) return {};
  return status.mode == DegradationMode::kManual ? "manual" : "overload";
}

Degradation::Degradation(DegradationConfig config) : config_(config) {
  state_.with([this](State& state) {
    state.mode = config_.mode;
    if (state.mode == DegradationMode::kManual) state.level = config_.level;
  });
}

void Degradation::sample(Duration delay, MonotonicTime now) {
  state_.with([&](State& state) {
    advance(state, now);
    if (state.at > state.held_at || state.held_samples == 0) {
      state.held_samples = 0;
      state.held_seconds = 0;
      state.held_at = state.at;
    }
    ++state.held_samples;
    const double seconds = to_seconds(std::max(delay, Duration::zero()));
    state.held_seconds += (seconds - state.held_seconds) / static_cast<double>(state.held_samples);
  });
}

DegradationStatus Degradation::status(MonotonicTime now) {
  return state_.with([&](State& state) {
    advance(state, now);
    DegradationStatus status;
    status.level = state.level;
    status.mode = state.mode;
    status.smoothed_delay = std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>(std::min(state.smoothed_seconds, 1e9)));
    status.raised = state.raised;
    status.lowered = state.lowered;
    return status;
  });
}

void Degradation::set_manual(int level, MonotonicTime now) {
  state_.with([&](State& state) {
    advance(state, now);
    state.mode = DegradationMode::kManual;
    state.level = std::clamp(level, 0, kMaxControllerLevel);
  });
}

void Degradation::set_auto(MonotonicTime now) {
  state_.with([&](State& state) {
    advance(state, now);
    if (state.mode == DegradationMode::kAuto) return;
    state.mode = DegradationMode::kAuto;
    // What was held while the operator decided does not count.
    if (state.above_since) state.above_since = state.at;
    if (state.below_since) state.below_since = state.at;
  });
}

// Brings the state up to `now`: the last sample counts until it is too old, then zero does.
void Degradation::advance(State& state, MonotonicTime now) const {
  if (state.held_samples == 0) { // nothing was ever measured
    if (state.at == MonotonicTime{}) state.below_since = now;
    state.at = std::max(state.at, now);
    step(state);
    return;
  }
  if (now <= state.at) return;
  const MonotonicTime expires = state.held_at + config_.sample_lifetime;
  if (state.at < expires) hold(state, state.held_seconds, std::min(now, expires));
  if (state.at < now) hold(state, 0, now);
}

// The signal stands at `seconds` from state.at until `until`.
void Degradation::hold(State& state, double seconds, MonotonicTime until) const {
  const double high = to_seconds(config_.raise_above) + kBesideSeconds;
  const double low = to_seconds(config_.lower_below) - kBesideSeconds;
  const double before = state.smoothed_seconds;
  const double passed = to_seconds(until - state.at) / to_seconds(config_.smoothing);
  const double after = seconds + (before - seconds) * std::exp(-passed);

  // Beyond a threshold before and after means all the while, as the way there is monotone. Steps
  // that were due before the threshold was left again are taken first.
  const auto crossing = [&](bool was, bool is, double threshold,
                            std::optional<MonotonicTime>& since) {
    if (was == is) return;
    const MonotonicTime at = std::min(reaches(state, seconds, threshold).value_or(until), until);
    if (is) {
      since = at;
    } else {
      const MonotonicTime begun = state.at;
      state.at = at;
      step(state);
      state.at = begun;
      since.reset();
    }
  };
  // What is left comes before what is entered: the smoothed delay cannot be beyond both.
  const bool above = after > high;
  const bool below = after < low;
  if (state.above_since && !above) crossing(true, false, high, state.above_since);
  if (state.below_since && !below) crossing(true, false, low, state.below_since);
  crossing(state.above_since.has_value(), above, high, state.above_since);
  crossing(state.below_since.has_value(), below, low, state.below_since);
  state.smoothed_seconds = after;
  state.at = until;
  step(state);
}

// When the smoothed delay, on its way to `seconds`, is at the threshold; empty when it is not on
// it.
std::optional<MonotonicTime> Degradation::reaches(const State& state, double seconds,
                                                  double threshold) const {
  const double ratio = (state.smoothed_seconds - seconds) / (threshold - seconds);
  if (!(ratio >= 1) || !std::isfinite(ratio)) return std::nullopt;
  const std::chrono::duration<double> wait(std::log(ratio) * to_seconds(config_.smoothing));
  return state.at + std::chrono::ceil<Duration>(wait);
}

// Takes the steps that are due at state.at, each a hold after the one before.
void Degradation::step(State& state) const {
  if (state.mode == DegradationMode::kManual) return;
  while (state.above_since && state.level < kMaxControllerLevel &&
         state.at - *state.above_since >= config_.raise_hold) {
    ++state.level;
    ++state.raised;
    *state.above_since += config_.raise_hold;
  }
  while (state.below_since && state.level > 0 &&
         state.at - *state.below_since >= config_.lower_hold) {
    --state.level;
    ++state.lowered;
    *state.below_since += config_.lower_hold;
  }
}

} // namespace raglan::policy
