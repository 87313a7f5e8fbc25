// How much less is done for each request while there is too much to do: the ladder.
//
//   level 0   full service
//   level 1   fewer passages (`reduced_top_k`), no reranking
//   level 2   no generation: the retrieved passages are the answer
//   level 3   cache only: what is not cached is refused
//
// The level goes up one step when the smoothed queue delay has been above `raise_above` for
// `raise_hold`, and down one step when it has been below `lower_below` for `lower_hold`; each step
// begins its hold anew. The two thresholds and the two holds are the hysteresis: a level is left
// neither upwards sooner than `raise_hold` nor downwards sooner than `lower_hold` after it was
// reached. Queue delay and not processor load, because it means the same on every machine and
// whatever the bottleneck is (Zhou et al., "Overload Control for Scaling WeChat Microservices",
// SoCC 2018: DAGOR).
//
// A request at level 3 must not enter the queue whose delay is sampled: it needs no place, and
// would keep the level up by waiting for one.
//
// A request's own level is the controller's less the relief of its tier (vip 2, paid 1, free 0), so
// the free tier pays first; the controller goes up to 5, so that vip too can reach level 3.
//
// Smoothing. Samples come at irregular times, so the delay is taken for a signal that keeps the
// value of the last sample (samples of one instant: their mean) until the next one, and smoothed
// with the time constant `smoothing`: over a time t at the value v, s ← v + (s − v)·e^(−t /
// smoothing). Averaging samples instead would weigh a busy second more than a quiet one. A sample
// older than `sample_lifetime` counts as a delay of zero: an idle node comes down by itself. So a
// queue that is stuck must say so: whoever owns it samples the age of its oldest waiter a few times
// per `sample_lifetime` for as long as it has one.
//
// Between two samples the smoothed delay is monotone, so the moments at which it crosses a
// threshold are computed and not noticed: how often somebody asks does not change when it steps.
//
// By hand (`set_manual`) the level stays as it is set; samples still count, and on the return to
// automatic the controller goes on from that level.
//
// Thread safety: every member may be called from any thread. `now` that runs backwards counts as
// the latest so far.
//
//   degradation.sample(waited, now);
//   const auto plan = service_plan(degradation.config(),
//                                  effective_level(degradation.status(now).level, tier), top_k);
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/guarded.h"
#include "config/table.h"
#include "policy/tier.h"

namespace raglan::policy {

inline constexpr int kMaxServiceLevel = 3;    // of a request
inline constexpr int kMaxControllerLevel = 5; // with the two that a vip is spared

enum class DegradationMode : std::uint8_t { kAuto, kManual };

struct DegradationConfig {
  DegradationMode mode = DegradationMode::kAuto;
  int level = 0; // in manual mode
  std::size_t reduced_top_k = 3;
  std::chrono::milliseconds raise_above{200};
  std::chrono::milliseconds raise_hold{1'000};
  std::chrono::milliseconds lower_below{50};
  std::chrono::milliseconds lower_hold{5'000};
  std::chrono::milliseconds smoothing{250};
  std::chrono::milliseconds sample_lifetime{1'000};
};

inline void describe(config::Table<DegradationConfig>& table) {
  using C = DegradationConfig;
  using std::chrono::milliseconds;
  table.choice("mode", &C::mode, "who sets the level: the queue delay, or the operator",
               {{"auto", DegradationMode::kAuto}, {"manual", DegradationMode::kManual}});
  table.field("level", &C::level, "the level in manual mode, before the relief of a tier")
      .min(0)
      .max(kMaxControllerLevel);
  table.field("reduced_top_k", &C::reduced_top_k, "most passages from level 1 on").min(1);
  table.field("raise_above", &C::raise_above, "smoothed queue delay above which the level rises")
      .min(milliseconds(1));
  table.field("raise_hold", &C::raise_hold, "how long it must be above for one step")
      .min(milliseconds(1));
  table.field("lower_below", &C::lower_below, "smoothed queue delay below which the level falls")
      .min(milliseconds(1));
  table.field("lower_hold", &C::lower_hold, "how long it must be below for one step")
      .min(milliseconds(1));
  table.field("smoothing", &C::smoothing, "time constant of the smoothed queue delay")
      .min(milliseconds(1))
      .max(std::chrono::minutes(1));
  table
      .field("sample_lifetime", &C::sample_lifetime,
             "how long a measured delay counts when no other follows; then it is zero")
      .min(milliseconds(1))
      .max(std::chrono::minutes(1));
  table.rule("lower_below must be less than raise_above",
             [](const C& config) { return config.lower_below < config.raise_above; });
}

// Until when a request's text may be written: a twentieth of the time that it has left, and at most
// kReplyTime, remains after that, so that the passages can be the reply (level 2) and not an error.
inline constexpr std::chrono::milliseconds kReplyTime{500};
Deadline generation_deadline(Deadline deadline, MonotonicTime now);

// What a request of this effective level gets.
struct ServicePlan {
  int level = 0;
  std::size_t top_k = 0;
  bool rerank = true;
  bool generate = true;
  bool cache_only = false;
};

// The level of a request of this tier, 0 to 3.
int effective_level(int controller_level, Tier tier);
// `level` outside of 0..3 counts as the nearer of them.
ServicePlan service_plan(const DegradationConfig& config, int level, std::size_t top_k);

struct DegradationStatus {
  int level = 0; // the controller's, 0 to 5
  DegradationMode mode = DegradationMode::kAuto;
  Duration smoothed_delay{};
  std::uint64_t raised = 0; // steps so far, by the controller
  std::uint64_t lowered = 0;
};

// Why a reply of this effective level is degraded: "overload", "manual"; empty at level 0.
std::string_view degradation_reason(const DegradationStatus& status, int effective);

class Degradation {
 public:
  explicit Degradation(DegradationConfig config = {});

  // What one piece of work has waited in the queue, or the age of the oldest that still waits. Of
  // several queues, those of the one that delays most.
  void sample(Duration delay, MonotonicTime now);

  // Takes the steps that are due.
  DegradationStatus status(MonotonicTime now);

  void set_manual(int level, MonotonicTime now); // clamped to 0..5
  void set_auto(MonotonicTime now);

  const DegradationConfig& config() const { return config_; }

 private:
  struct State {
    DegradationMode mode = DegradationMode::kAuto;
    int level = 0;
    std::uint64_t raised = 0;
    std::uint64_t lowered = 0;
    double smoothed_seconds = 0;
    double held_seconds = 0; // the mean of the samples of `held_at`
    std::size_t held_samples = 0;
    MonotonicTime held_at{};
    MonotonicTime at{}; // up to which all this is right
    // Since when the smoothed delay has been beyond a threshold, or since the last step.
    std::optional<MonotonicTime> above_since;
    std::optional<MonotonicTime> below_since;
  };

  void advance(State& state, MonotonicTime now) const;
  void hold(State& state, double seconds, MonotonicTime until) const;
  std::optional<MonotonicTime> reaches(const State& state, double seconds, double threshold) const;
  void step(State& state) const;

  const DegradationConfig config_;
  Guarded<State> state_;
};

} // namespace raglan::policy
