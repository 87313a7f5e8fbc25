#include "policy/concurrency_limit.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace raglan::policy {
namespace {

// Share of the limit that must have been in use for it to grow.
constexpr double kUsedRatio = 0.8;
// Weight of one window in the baseline.
constexpr double kBaselineWeight = 0.2;
// The most that one window's latency may say against the limit: outliers are no reason to halve it.
constexpr double kSmallestGradient = 0.5;
// How much longer than `baseline_window` a baseline may be believed, by chance.
constexpr double kBaselineJitter = 0.25;

double to_seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

Duration from_seconds(double seconds) {
  return std::chrono::round<Duration>(std::chrono::duration<double>(seconds));
}

} // namespace

ConcurrencyLimit::Permit::Permit(Permit&& other) noexcept
    : limit_(std::exchange(other.limit_, nullptr)), probe_(other.probe_), began_(other.began_) {}

ConcurrencyLimit::Permit& ConcurrencyLimit::Permit::operator=(Permit&& other) noexcept {
  if (this == &other) return *this;
  release();
  limit_ = std::exchange(other.limit_, nullptr);
  probe_ = other.probe_;
  began_ = other.began_;
  return *this;
}

void ConcurrencyLimit::Permit::report(LimitOutcome outcome, MonotonicTime now) {
  if (auto* limit = std::exchange(limit_, nullptr)) limit->report(*this, outcome, now);
}

void ConcurrencyLimit::Permit::release() { report(LimitOutcome::kIgnored, began_); }

ConcurrencyLimit::ConcurrencyLimit(ConcurrencyLimitConfig config, Rng rng)
    : config_(config), state_(rng) {
  state_.with([this](State& state) { state.limit = static_cast<double>(config_.initial_limit); });
}

std::optional<ConcurrencyLimit::Permit> ConcurrencyLimit::try_acquire(MonotonicTime now) {
  return state_.with([&](State& state) -> std::optional<Permit> {
    if (state.in_flight >= allowed(state)) {
      ++state.refused;
      return std::nullopt;
    }
    ++state.in_flight;
    if (!state.window.began) state.window.began = now;
    state.window.peak_in_flight = std::max(state.window.peak_in_flight, state.in_flight);
    const bool counted = state.probe == Probe::kMeasuring && state.cohort.begun < cohort_size();
    if (counted) ++state.cohort.begun;
    return Permit(*this, counted ? state.probes : 0, now);
  });
}

std::size_t ConcurrencyLimit::available() const {
  return state_.with([this](const State& state) {
    const std::size_t limit = allowed(state);
    return limit > state.in_flight ? limit - state.in_flight : 0;
  });
}

ConcurrencyLimitStatus ConcurrencyLimit::status() const {
  return state_.with([this](const State& state) {
    return ConcurrencyLimitStatus{.limit = allowed(state),
                                  .in_flight = state.in_flight,
                                  .probing = state.probe != Probe::kNone,
                                  .baseline = from_seconds(state.baseline),
                                  .window_latency = from_seconds(state.window_latency),
                                  .refused = state.refused,
                                  .drops = state.drops,
                                  .probes = state.probes};
  });
}

std::size_t ConcurrencyLimit::allowed(const State& state) const {
  return state.probe == Probe::kNone ? static_cast<std::size_t>(state.limit) : probe_limit(state);
}

std::size_t ConcurrencyLimit::probe_limit(const State& state) const {
  return std::max(config_.min_limit, static_cast<std::size_t>(state.limit * config_.probe_ratio));
}

std::size_t ConcurrencyLimit::cohort_size() const { return 2 * config_.window_min_samples; }

void ConcurrencyLimit::report(const Permit& permit, LimitOutcome outcome, MonotonicTime now) {
  state_.with([&](State& state) {
    --state.in_flight;
    if (outcome == LimitOutcome::kDropped) {
      ++state.drops;
      state.window.dropped = true;
    }
    const double latency = std::max(0.0, to_seconds(now - permit.began_));
    if (state.probe == Probe::kDraining && state.in_flight < probe_limit(state)) {
      // From here on calls find the callee as it is with few of them.
      state.probe = Probe::kMeasuring;
      state.cohort = {};
      return;
    }
    if (permit.probe_ != 0 && permit.probe_ == state.probes) {
      report_to_cohort(state, outcome, latency, now);
    }
    if (outcome == LimitOutcome::kIgnored) return;
    if (outcome == LimitOutcome::kSuccess) {
      ++state.window.samples;
      state.window.latency_sum += latency;
    }
    close_window(state, now);
  });
}

// A measurement ends with the last of the first so many calls: those that end first are the short
// ones, and would make the baseline too low.
void ConcurrencyLimit::report_to_cohort(State& state, LimitOutcome outcome, double latency,
                                        MonotonicTime now) const {
  Cohort& cohort = state.cohort;
  ++cohort.ended;
  if (outcome == LimitOutcome::kSuccess) {
    ++cohort.samples;
    cohort.latency_sum += latency;
  }
  if (cohort.begun < cohort_size() || cohort.ended < cohort.begun) return;
  if (cohort.samples > 0) state.baseline = cohort.latency_sum / static_cast<double>(cohort.samples);
  state.probe = Probe::kNone;
  believe_baseline(state, now);
  begin_window(state, now);
}

void ConcurrencyLimit::believe_baseline(State& state, MonotonicTime now) const {
  const double spread = 1 + kBaselineJitter * state.rng.uniform();
  state.baseline_expires = now + from_seconds(to_seconds(config_.baseline_window) * spread);
}

void ConcurrencyLimit::begin_window(State& state, MonotonicTime now) {
  state.window = {};
  state.window.began = now;
  state.window.peak_in_flight = state.in_flight;
}

void ConcurrencyLimit::close_window(State& state, MonotonicTime now) const {
  const Window& window = state.window;
  const Duration length = std::max<Duration>(config_.window, from_seconds(state.baseline));
  if (!window.began || now - *window.began < length) return;
  if (window.dropped) {
    // Needs no number of samples: when all calls are dropped there are none.
    state.limit =
        std::max(static_cast<double>(config_.min_limit), state.limit * config_.drop_ratio);
  } else if (window.samples < config_.window_min_samples) {
    return;
  } else if (state.probe == Probe::kNone) {
    const double latency = window.latency_sum / static_cast<double>(window.samples);
    state.window_latency = latency;
    learn_baseline(state, latency, now);
    if (state.probe == Probe::kNone) adjust(state, latency);
  }
  begin_window(state, now);
}

// Takes in what a window says of the latency without a queue, or has it measured.
void ConcurrencyLimit::learn_baseline(State& state, double latency, MonotonicTime now) const {
  if (state.window.peak_in_flight <= probe_limit(state)) {
    const double weight =
        state.baseline <= 0 || now >= state.baseline_expires ? 1 : kBaselineWeight;
    state.baseline += weight * (latency - state.baseline);
    believe_baseline(state, now);
  } else if (state.baseline <= 0) {
    state.baseline = latency; // better than none; it expires at once
    state.baseline_expires = now;
  } else if (now >= state.baseline_expires) {
    ++state.probes;
    state.probe = Probe::kDraining;
  }
}

void ConcurrencyLimit::adjust(State& state, double latency) const {
  const double gradient =
      latency > 0 ? std::clamp(config_.tolerance * state.baseline / latency, kSmallestGradient, 1.0)
                  : 1.0;
  const double target = state.limit * gradient + std::sqrt(state.limit);
  double next = state.limit;
  if (target < state.limit) {
    next += config_.smoothing * (target - state.limit);
  } else if (static_cast<double>(state.window.peak_in_flight) >= kUsedRatio * state.limit) {
    next = target;
  }
  state.limit = std::clamp(next, static_cast<double>(config_.min_limit),
                           static_cast<double>(config_.max_limit));
}

} // namespace raglan::policy
