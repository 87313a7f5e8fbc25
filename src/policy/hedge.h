// When a call that takes long is made a second time, so that the faster of both is the answer.
//
// The second call, the hedge, is made once the first has taken longer than `quantile` of the calls
// before (their last kSamples, of the time until they began to answer). That is Dean and Barroso's
// hedged request ("The Tail at Scale", CACM 2013): it cures calls that are slow by chance, and
// costs few calls. Where all calls are slow at once because there are too many of them it would
// make more of them; so there are two brakes:
//   - never more than `max_ratio` of the requests so far are hedged, but for what kBurst earned and
//     did not use: each request earns that share of a hedge, none is given on credit;
//   - none is made while a queue is growing: when more wait than at the last look, and for kCalm
//     after that.
//
// Which calls count: each first call that began to answer. One that lost against its hedge counts
// with the time it had taken by then, which is less than what it would have taken.
//
// Thread safety: none; one for an upstream belongs into a Guarded<Hedge>.
//
//   auto delay = hedge.begin();                  // of each request
//   … no answer after *delay …
//   if (hedge.allows(waiting, now)) …            // counts as made
//   hedge.answered(took);
//   hedge.decided(by_hedge);                     // of each that was made
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "config/table.h"

namespace raglan::policy {

struct HedgeConfig {
  bool enabled = false;
  double quantile = 0.95;
  double max_ratio = 0.02;
};

inline void describe(config::Table<HedgeConfig>& table) {
  using C = HedgeConfig;
  table.field("enabled", &C::enabled,
              "whether a call that takes unusually long is made a second time; both are paid for");
  table.ratio("quantile", &C::quantile, "share of the calls that take less than what is unusual")
      .min(0.5)
      .max(0.999);
  table.ratio("max_ratio", &C::max_ratio, "of the requests, that may be asked twice").max(0.2);
}

struct HedgeStatus {
  std::uint64_t requests = 0; // so far
  std::uint64_t hedged = 0;
  std::uint64_t won = 0;     // by the hedge
  std::uint64_t lost = 0;    // by it: the first call was faster, or it failed
  std::uint64_t refused = 0; // they were due, and were not made
  bool queue_grows = false;
};

class Hedge {
 public:
  static constexpr std::size_t kSamples = 256;   // that `quantile` is of
  static constexpr std::size_t kMinSamples = 20; // before which nothing is unusual
  static constexpr double kBurst = 10;           // hedges that may be saved up
  static constexpr std::chrono::seconds kCalm{1};

  explicit Hedge(HedgeConfig config = {}) : config_(config) {}

  // A request comes. After how long its call is to be hedged; empty: not at all, as too few calls
  // are known to say what is unusual.
  std::optional<Duration> begin();
  // Whether the hedge that is due may be made. `waiting`: those in the queue before the upstream.
  bool allows(std::size_t waiting, MonotonicTime now);
  // A request's first call has begun to answer, or lost against its hedge, so long after it began;
  // its retries are part of that, and what it waited for its turn is not.
  void answered(Duration took);
  // Whether the hedge that was made answered.
  void decided(bool by_hedge) { ++(by_hedge ? counts_.won : counts_.lost); }
  // A look at the queue. Whoever can should say it with every request.
  void look(std::size_t waiting, MonotonicTime now);

  HedgeStatus status(MonotonicTime now) const;

 private:
  bool grows(MonotonicTime now) const { return grew_at_ && now - *grew_at_ < kCalm; }

  HedgeConfig config_;
  std::array<Duration, kSamples> took_{};
  std::size_t answers_ = 0; // so far; the next goes to answers_ % kSamples
  double earned_ = 0;
  std::size_t waiting_ = 0; // at the last look
  std::optional<MonotonicTime> grew_at_;
  HedgeStatus counts_;
};

} // namespace raglan::policy
