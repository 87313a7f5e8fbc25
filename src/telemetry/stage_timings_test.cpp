#include "telemetry/stage_timings.h"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "telemetry/metric_registry.h"

namespace raglan::telemetry {
namespace {

using namespace std::chrono_literals;

TEST(StageTimings, ATimerAddsItsLifetime) {
  ManualClock clock;
  StageTimings timings;
  {
    const StageTimer embed(timings, "embed", clock);
    clock.advance(3ms);
  }
  {
    const StageTimer search(timings, "search", clock);
    clock.advance(5ms);
  }
  ASSERT_EQ(timings.entries().size(), 2u);
  EXPECT_EQ(timings.entries()[0].stage, "embed");
  EXPECT_EQ(timings.entries()[0].duration, 3ms);
  EXPECT_EQ(timings.entries()[1].stage, "search");
  EXPECT_EQ(timings.entries()[1].duration, 5ms);
}

TEST(StageTimings, AStageEnteredAgainAddsToItsTime) {
  StageTimings timings;
  timings.add("embed", 1ms);
  timings.add("search", 1ms);
  timings.add("embed", 2ms);
  ASSERT_EQ(timings.entries().size(), 2u);
  EXPECT_EQ(timings.entries()[0].duration, 3ms);
}

TEST(StageTimings, StagesBeyondTheMaximumShareOther) {
  constexpr std::array<std::string_view, kMaxStages + 1> kNames{
      "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q"};
  StageTimings timings;
  for (const std::string_view name : kNames) timings.add(name, 1ms);
  ASSERT_EQ(timings.entries().size(), kMaxStages);
  EXPECT_EQ(timings.entries()[kMaxStages - 2].stage, "o");
  EXPECT_EQ(timings.entries()[kMaxStages - 1].stage, "other");
  EXPECT_EQ(timings.entries()[kMaxStages - 1].duration, 2ms);
}

TEST(StageTimings, FeedOneHistogramPerStage) {
  MetricRegistry metrics;
  auto& stages = metrics.histograms("raglan_stage_duration_seconds", "Stages.", {"stage"});
  StageTimings timings;
  timings.add("embed", 3ms);
  timings.record(stages);
  timings.record(stages);
  const auto snapshot = stages.with("embed").snapshot();
  EXPECT_EQ(snapshot.count(), 2u);
  EXPECT_DOUBLE_EQ(snapshot.sum, 0.006);
}

} // namespace
} // namespace raglan::telemetry
