// How many calls may be under way at once: a limit that finds itself by how long they take.
//
// Calls beyond what the callee works on at a time only wait there, and latency says so. At the end
// of each window (at least `window`, as long as a call takes, and `window_min_samples` successes)
//
//   gradient = tolerance / mean over the window's calls of latency / baseline, within [1/2, 1]
//   target   = limit × gradient + 0.6 × √limit
//
// and the limit grows to the target, or shrinks by `smoothing` of the way. The second term
// is the queue that is always allowed: without it the limit could never try whether there is more
// room. (Netflix' is √limit, made for limits in the hundreds: of ten calls at a time it makes 16.5,
// and of their latency 1.65 times as much; this makes 14.8 of them. Half of √limit was tried: under
// calls of varying length the limit then falls below what the callee can do.) It does not
// grow while it is not used (fewer than 4/5 of it under way at the window's peak), else it would be
// at its maximum, and useless, when load comes. Calls that were dropped (timeouts, "overloaded")
// shrink it instead, to `drop_ratio` of it however many they are, once a window.
//
// The formula is that of Netflix' Gradient limit (concurrency-limits, 2018) and of Envoy's adaptive
// concurrency. They differ in the baseline, the latency without a queue, and so does this:
//   - Vegas and Gradient 1 take the smallest latency ever seen. Answers of 5 and of 500 tokens
//     differ by two orders of magnitude: the smallest is not what a call takes without a queue.
//   - Gradient2 takes a long average, which creeps up under long overload, and the limit with it.
//   - Envoy lets all but a few calls wait every minute to measure anew: right, and dear.
// Here the baseline is a mean: of windows in which less than `probe_ratio` of the limit was used,
// smoothed; and when there was none for `baseline_window` (and up to a quarter longer, by chance,
// so that the nodes of a fleet do not do it together), it is measured again with the limit at
// `probe_ratio`, by the first 2 × window_min_samples calls that began after the others had gone.
// That takes back a baseline that crept up, or one that is too low because calls really take longer
// now. With calls of 100 ms and a limit of 40 that is a tenth of a second at half of the limit;
// with few and long ones it is minutes, and so what was measured is believed for at least kBelieved
// times as long as that took: never more than a twentieth of the work is lost.
//
// Failures that say nothing about load (a 500, a client that went away, a permit that is destroyed
// without a report) are `kIgnored`: fast errors would look like a fast callee.
//
// Calls of very different length (with generation and without) have a kind each, up to `kKinds`:
// each kind has its own baseline, and the window's latency is the mean of what each call took as a
// multiple of its kind's. With one baseline for all, a change of the mix would look like load.
//
// Thread safety: every member may be called from any thread. A limit outlives its permits; one
// permit belongs to one thread at a time. Invariants: min_limit ≤ limit ≤ max_limit; no permit is
// given while the limit or more are out.
//
//   auto permit = limit.try_acquire(clock.now());
//   if (!permit) return fail(ErrorCode::kOverloaded, "…");
//   ...
//   permit->report(LimitOutcome::kSuccess, clock.now());
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/result.h"
#include "base/rng.h"
#include "config/table.h"

namespace raglan::policy {

struct ConcurrencyLimitConfig {
  std::size_t initial_limit = 20;
  std::size_t min_limit = 4;
  std::size_t max_limit = 1'000;
  std::chrono::milliseconds window{100};
  std::size_t window_min_samples = 20;
  double tolerance = 1.25;
  double smoothing = 0.5;
  double drop_ratio = 0.9;
  double probe_ratio = 0.5;
  std::chrono::milliseconds baseline_window{30'000};
};

inline void describe(config::Table<ConcurrencyLimitConfig>& table) {
  using C = ConcurrencyLimitConfig;
  using std::chrono::milliseconds;
  table.field("initial_limit", &C::initial_limit, "calls at a time before anything is measured")
      .min(1);
  table.field("min_limit", &C::min_limit, "calls at a time that are always allowed").min(1);
  table.field("max_limit", &C::max_limit, "calls at a time that are never exceeded")
      .min(1)
      .max(1'000'000);
  table.field("window", &C::window, "shortest time between two changes of the limit")
      .min(milliseconds(1))
      .max(std::chrono::minutes(1));
  table
      .field("window_min_samples", &C::window_min_samples,
             "successful calls that a change of the limit rests on")
      .min(1)
      .max(100'000);
  table
      .field("tolerance", &C::tolerance,
             "latency, as a multiple of the baseline, from which the limit shrinks")
      .min(1)
      .max(10);
  table.ratio("smoothing", &C::smoothing, "share of the way down that is gone in one window")
      .min(0.01);
  table.ratio("drop_ratio", &C::drop_ratio, "what a window with drops leaves of the limit")
      .min(0.1)
      .max(0.99);
  table.ratio("probe_ratio", &C::probe_ratio, "share of the limit while the baseline is measured")
      .min(0.1)
      .max(0.9);
  table.field("baseline_window", &C::baseline_window, "how long a measured baseline is believed")
      .min(milliseconds(100));
  table.rule("min_limit ≤ initial_limit ≤ max_limit must hold", [](const C& config) {
    return config.min_limit <= config.initial_limit && config.initial_limit <= config.max_limit;
  });
}

enum class LimitOutcome : std::uint8_t {
  kSuccess, // its latency counts
  kDropped, // it ended by a timeout or by "overloaded": too much was asked
  kIgnored, // neither: cancelled, failed for another reason
};

// What a failed call says. One without an answer that took much longer than usual (kMuchTooLong
// times) was dropped, whoever gave it up: the callee's timeout, or the caller's deadline. What
// fails sooner, or with an answer, says nothing about load. `usual`: zero when that is not known.
inline constexpr int kMuchTooLong = 3;
LimitOutcome limit_outcome_of_failure(ErrorCode code, Duration took, Duration usual);

struct ConcurrencyLimitStatus {
  std::size_t limit = 0; // what holds now: less than the limit found while the baseline is measured
  std::size_t in_flight = 0;
  bool probing = false;
  Duration baseline{};       // of kind 0; zero before its first window
  Duration window_latency{}; // mean of the last whole window
  std::uint64_t refused = 0; // calls so far that got no permit
  std::uint64_t drops = 0;   // so far
  std::uint64_t probes = 0;  // so far
};

class ConcurrencyLimit {
 public:
  static constexpr std::size_t kKinds = 4;
  static constexpr int kBelieved = 10;

  // A place among the calls under way, for as long as it lives. Movable; reports once.
  class Permit {
   public:
    Permit(Permit&& other) noexcept;
    Permit& operator=(Permit&& other) noexcept;
    ~Permit() { release(); }

    // Ends the call. Only the first report counts.
    void report(LimitOutcome outcome, MonotonicTime now);

   private:
    friend class ConcurrencyLimit;
    Permit(ConcurrencyLimit& limit, std::size_t kind, std::uint64_t probe, MonotonicTime began)
        : limit_(&limit), kind_(kind), probe_(probe), began_(began) {}
    void release();

    ConcurrencyLimit* limit_; // null once reported or moved from
    std::size_t kind_;
    std::uint64_t probe_; // the measurement of the baseline that it is part of; 0: none
    MonotonicTime began_;
  };

  // `rng` spreads the measurements of the baseline.
  ConcurrencyLimit(ConcurrencyLimitConfig config, Rng rng);
  ConcurrencyLimit(const ConcurrencyLimit&) = delete;
  ConcurrencyLimit& operator=(const ConcurrencyLimit&) = delete;

  // Empty when as many as allowed are under way.
  std::optional<Permit> try_acquire(MonotonicTime now, std::size_t kind = 0);
  // How many permits would be given now.
  std::size_t available() const;

  // What a call of that kind takes without a queue; zero before the first window of its kind.
  Duration baseline(std::size_t kind) const;
  ConcurrencyLimitStatus status() const;
  const ConcurrencyLimitConfig& config() const { return config_; }

 private:
  enum class Probe : std::uint8_t { kNone, kDraining, kMeasuring };

  // Successful calls, by kind.
  struct Sums {
    std::array<double, kKinds> seconds{};
    std::array<std::size_t, kKinds> calls{};

    void add(std::size_t kind, double latency) {
      seconds[kind] += latency;
      ++calls[kind];
    }
    double mean(std::size_t kind) const { return seconds[kind] / static_cast<double>(calls[kind]); }
    std::size_t all() const { return std::accumulate(calls.begin(), calls.end(), std::size_t{0}); }
  };

  struct Window {
    std::optional<MonotonicTime> began; // by its first call
    Sums sums;
    std::size_t peak_in_flight = 0;
    bool dropped = false;
  };

  // The calls that a measurement of the baseline consists of.
  struct Cohort {
    std::size_t begun = 0;
    std::size_t ended = 0;
    Sums sums;
  };

  struct State {
    explicit State(Rng seeded) : rng(seeded) {}
    double limit = 1;
    std::size_t in_flight = 0;
    Probe probe = Probe::kNone;
    Cohort cohort;
    std::array<double, kKinds> baselines{}; // seconds; 0: not known
    MonotonicTime probe_began{};
    MonotonicTime baseline_expires{};
    Window window;
    double window_latency = 0;
    std::uint64_t refused = 0;
    std::uint64_t drops = 0;
    std::uint64_t probes = 0;
    Rng rng;
  };

  void report(const Permit& permit, LimitOutcome outcome, MonotonicTime now);
  std::size_t allowed(const State& state) const;
  std::size_t probe_limit(const State& state) const;
  std::size_t cohort_size() const;
  void end_of_cohort(State& state, MonotonicTime now) const;
  void believe_baseline(State& state, MonotonicTime now) const;
  static void begin_window(State& state, MonotonicTime now);
  void close_window(State& state, MonotonicTime now) const;
  void adjust(State& state, double ratio) const;
  static std::optional<double> ratio_of(const State& state, const Sums& sums);
  void learn_baselines(State& state, MonotonicTime now) const;
  void blend(State& state, const Sums& sums, double weight) const;

  const ConcurrencyLimitConfig config_;
  Guarded<State> state_;
};

} // namespace raglan::policy
