// How long each stage of one request took.
//
// A request carries one StageTimings through its stages; it becomes `timings_ms` of the reply and
// the histogram raglan_stage_duration_seconds{stage}.
//
//   {
//     const StageTimer timer(timings, "embed", clock);
//     vectors = co_await embed(texts);
//   }
//   timings.record(stage_histograms);
//
// A fixed array, no allocation: stages are few and known. A stage entered again adds to its time;
// one that finds the array full adds to "other", its last entry. Stage names must be literals: they
// are not copied. Not thread safe: it belongs to its request.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "base/clock.h"
#include "telemetry/family.h"

namespace raglan::telemetry {

inline constexpr std::size_t kMaxStages = 16;

struct StageTiming {
  std::string_view stage;
  Duration duration{};
};

class StageTimings {
 public:
  void add(std::string_view stage, Duration duration) { entry(stage).duration += duration; }

  // In the order in which the stages were first left.
  std::span<const StageTiming> entries() const { return {entries_.data(), size_}; }

  void record(Family<Histogram, 1>& stages) const {
    for (const StageTiming& timing : entries()) stages.with(timing.stage).observe(timing.duration);
  }

 private:
  StageTiming& entry(std::string_view stage) {
    for (std::size_t i = 0; i < size_; ++i) {
      if (entries_[i].stage == stage) return entries_[i];
    }
    if (size_ + 1 < kMaxStages) {
      entries_[size_].stage = stage;
      return entries_[size_++];
    }
    size_ = kMaxStages;
    entries_.back().stage = "other";
    return entries_.back();
  }

  std::array<StageTiming, kMaxStages> entries_{};
  std::size_t size_ = 0;
};

// Adds the time from its construction to its destruction.
class StageTimer {
 public:
  StageTimer(StageTimings& timings, std::string_view stage, const Clock& clock)
      : timings_(timings), stage_(stage), clock_(clock), start_(clock.now()) {}
  StageTimer(const StageTimer&) = delete;
  StageTimer& operator=(const StageTimer&) = delete;
  ~StageTimer() { timings_.add(stage_, clock_.now() - start_); }

 private:
  StageTimings& timings_;
  const std::string_view stage_;
  const Clock& clock_;
  const MonotonicTime start_;
};

} // namespace raglan::telemetry
