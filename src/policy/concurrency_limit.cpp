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
// Of √limit: the calls that may always wait at the callee.
constexpr double kQueue = 0.6;
// How much longer than `baseline_window` a baseline may be believed, by chance.
constexpr double kBaselineJitter = 0.25;

double to_seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

Duration from_seconds(double seconds) {
  return std::chrono::round<Duration>(std::chrono::duration<double>(seconds));
}

} // namespace

LimitOutcome limit_outcome_of_failure(ErrorCode code, Duration took, Duration usual) {
  const bool no_answer = code == ErrorCode::kDeadlineExceeded || code == ErrorCode::kUnavailable;
  const bool too_long = usual > Duration::zero() && took >= kMuchTooLong * usual;
  return no_answer && too_long ? LimitOutcome::kDropped : LimitOutcome::kIgnored;
}

ConcurrencyLimit::Permit::Permit(Permit&& other) noexcept
    : limit_(std::exchange(other.limit_, nullptr)),
      kind_(other.kind_),
      probe_(other.probe_),
      began_(other.began_) {}

ConcurrencyLimit::Permit& ConcurrencyLimit::Permit::operator=(Permit&& other) noexcept {
  if (this == &other) return *this;
  release();
  limit_ = std::exchange(other.limit_, nullptr);
  kind_ = other.kind_;
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

std::optional<ConcurrencyLimit::Permit> ConcurrencyLimit::try_acquire(MonotonicTime now,
                                                                      std::size_t kind) {
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
    return Permit(*this, std::min(kind, kKinds - 1), counted ? state.probes : 0, now);
  });
}

std::size_t ConcurrencyLimit::available() const {
  return state_.with([this](const State& state) {
    const std::size_t limit = allowed(state);
    return limit > state.in_flight ? limit - state.in_flight : 0;
  });
}

Duration ConcurrencyLimit::baseline(std::size_t kind) const {
  return state_.with([kind](const State& state) {
    return from_seconds(state.baselines[std::min(kind, kKinds - 1)]);
  });
}

ConcurrencyLimitStatus ConcurrencyLimit::status() const {
  return state_.with([this](const State& state) {
    return ConcurrencyLimitStatus{.limit = allowed(state),
                                  .in_flight = state.in_flight,
                                  .probing = state.probe != Probe::kNone,
                                  .baseline = from_seconds(state.baselines[0]),
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
      if (outcome == LimitOutcome::kSuccess) state.cohort.sums.add(permit.kind_, latency);
      end_of_cohort(state, now);
    }
    if (outcome == LimitOutcome::kIgnored) return;
    if (outcome == LimitOutcome::kSuccess) {
      state.window.sums.add(permit.kind_, latency);
    }
    close_window(state, now);
  });
}

// A measurement ends with the last of the first so many calls: those that end first are the short
// ones, and would make the baseline too low.
void ConcurrencyLimit::end_of_cohort(State& state, MonotonicTime now) const {
  Cohort& cohort = state.cohort;
  ++cohort.ended;
  if (cohort.begun < cohort_size() || cohort.ended < cohort.begun) return;
  blend(state, cohort.sums, 1);
  state.probe = Probe::kNone;
  believe_baseline(state, now);
  state.baseline_expires =
      std::max(state.baseline_expires, now + kBelieved * (now - state.probe_began));
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
  double longest = 0;
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    if (window.sums.calls[kind] > 0) longest = std::max(longest, state.baselines[kind]);
  }
  const Duration length = std::max<Duration>(config_.window, from_seconds(longest));
  if (!window.began || now - *window.began < length) return;
  if (window.dropped) {
    // Needs no number of samples: when all calls are dropped there are none.
    state.limit =
        std::max(static_cast<double>(config_.min_limit), state.limit * config_.drop_ratio);
  } else if (window.sums.all() < config_.window_min_samples) {
    return;
  } else if (state.probe == Probe::kNone) {
    const Sums& sums = window.sums;
    state.window_latency = std::accumulate(sums.seconds.begin(), sums.seconds.end(), 0.0) /
                           static_cast<double>(sums.all());
    learn_baselines(state, now);
    const auto ratio = ratio_of(state, sums);
    if (state.probe == Probe::kNone && ratio) adjust(state, *ratio);
  }
  begin_window(state, now);
}

// The mean of what calls took as a multiple of their kind's baseline; empty when none is known.
std::optional<double> ConcurrencyLimit::ratio_of(const State& state, const Sums& sums) {
  double total = 0;
  std::size_t calls = 0;
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    if (sums.calls[kind] == 0 || state.baselines[kind] <= 0) continue;
    total += sums.seconds[kind] / state.baselines[kind];
    calls += sums.calls[kind];
  }
  if (calls == 0) return std::nullopt;
  return total / static_cast<double>(calls);
}

// Moves the baselines of the kinds that were called towards what they took; the fewer calls, the
// less.
void ConcurrencyLimit::blend(State& state, const Sums& sums, double weight) const {
  const auto enough = static_cast<double>(config_.window_min_samples);
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    if (sums.calls[kind] == 0) continue;
    double& baseline = state.baselines[kind];
    const double share = std::min(1.0, 2 * static_cast<double>(sums.calls[kind]) / enough);
    baseline += (baseline <= 0 ? 1 : weight * share) * (sums.mean(kind) - baseline);
  }
}

// Takes in what a window says of the latency without a queue, or has it measured.
void ConcurrencyLimit::learn_baselines(State& state, MonotonicTime now) const {
  const Sums& sums = state.window.sums;
  const auto ratio = ratio_of(state, sums);
  const bool expired = now >= state.baseline_expires;
  if (state.window.peak_in_flight <= probe_limit(state)) {
    blend(state, sums, expired ? 1 : kBaselineWeight);
    believe_baseline(state, now);
  } else if (!ratio) {
    blend(state, sums, 1); // better than none; it expires at once
    state.baseline_expires = now;
  } else if (expired) {
    ++state.probes;
    state.probe = Probe::kDraining;
    state.probe_began = now;
  } else {
    // A kind that is new under load: as much shorter without it as the others are.
    for (std::size_t kind = 0; kind < kKinds; ++kind) {
      if (sums.calls[kind] == 0 || state.baselines[kind] > 0) continue;
      state.baselines[kind] = sums.mean(kind) / std::max(1.0, *ratio);
    }
  }
}

void ConcurrencyLimit::adjust(State& state, double ratio) const {
  const double gradient =
      ratio > 0 ? std::clamp(config_.tolerance / ratio, kSmallestGradient, 1.0) : 1.0;
  const double target = state.limit * gradient + kQueue * std::sqrt(state.limit);
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
