#include "policy/host_health.h"

#include <gtest/gtest.h>

namespace raglan::policy {
namespace {

HostHealth well(HealthThresholds thresholds = {}) {
  return HostHealth(thresholds, HealthState::kWell);
}

TEST(HostHealth, ANewHostIsUnknownUntilItsFirstGoodCheck) {
  HostHealth health;
  EXPECT_EQ(health.state(), HealthState::kUnknown);
  EXPECT_FALSE(health.well());
  EXPECT_FALSE(health.checked(false));
  EXPECT_FALSE(health.well());
  EXPECT_TRUE(health.checked(true));
  EXPECT_TRUE(health.well());
}

TEST(HostHealth, OneGoodCheckIsEnoughForANewHostWhateverTheThreshold) {
  HostHealth health({.success_threshold = 3});
  EXPECT_TRUE(health.checked(true));
  EXPECT_TRUE(health.well());
}

TEST(HostHealth, MayBeToldToStartAsWell) { EXPECT_TRUE(well().well()); }

TEST(HostHealth, TheThirdFailureInARowMakesItIll) {
  HostHealth health = well();
  EXPECT_FALSE(health.checked(false));
  EXPECT_FALSE(health.checked(false));
  EXPECT_TRUE(health.well());
  EXPECT_TRUE(health.checked(false));
  EXPECT_EQ(health.state(), HealthState::kIll);
  EXPECT_EQ(health.in_a_row(), 3u);
  EXPECT_FALSE(health.checked(false)); // it was before
}

TEST(HostHealth, AGoodCheckEndsTheRow) {
  HostHealth health = well();
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(health.checked(false));
    EXPECT_FALSE(health.checked(false));
    EXPECT_FALSE(health.checked(true));
  }
  EXPECT_TRUE(health.well());
}

TEST(HostHealth, IsBackAfterTheThresholdOfGoodChecksInARow) {
  HostHealth health({.success_threshold = 2}, HealthState::kIll);
  EXPECT_FALSE(health.checked(true));
  EXPECT_FALSE(health.checked(false));
  EXPECT_FALSE(health.checked(true));
  EXPECT_FALSE(health.well());
  EXPECT_TRUE(health.checked(true));
  EXPECT_TRUE(health.well());
}

TEST(HostHealth, ByDefaultOneGoodCheckBringsItBack) {
  HostHealth health({}, HealthState::kIll);
  EXPECT_TRUE(health.checked(true));
}

TEST(HostHealth, AnUnknownHostThatKeepsFailingIsIll) {
  HostHealth health({.success_threshold = 2});
  EXPECT_FALSE(health.checked(false));
  EXPECT_FALSE(health.checked(false));
  EXPECT_TRUE(health.checked(false));
  EXPECT_EQ(health.state(), HealthState::kIll);
  EXPECT_FALSE(health.checked(true)); // and comes back as one that was well
  EXPECT_TRUE(health.checked(true));
}

TEST(HostHealth, StatesHaveNames) {
  EXPECT_EQ(health_state_name(HealthState::kUnknown), "unknown");
  EXPECT_EQ(health_state_name(HealthState::kWell), "well");
  EXPECT_EQ(health_state_name(HealthState::kIll), "ill");
}

TEST(Panic, BeginsWhenFewerThanHalfAreHealthy) {
  EXPECT_FALSE(panics(4, 8));
  EXPECT_TRUE(panics(3, 8));
  EXPECT_FALSE(panics(4, 7));
  EXPECT_TRUE(panics(3, 7));
  EXPECT_TRUE(panics(0, 1));
  EXPECT_FALSE(panics(1, 1));
  EXPECT_FALSE(panics(0, 0)); // none is there to be used
}

TEST(Rotation, IsOfTheHealthyUnlessTooFewAreOrNothingIsKnown) {
  EXPECT_EQ(rotation(0, 0), Rotation::kAll);
  EXPECT_EQ(rotation(1, 1), Rotation::kHealthy);
  EXPECT_EQ(rotation(1, 2), Rotation::kHealthy);
  EXPECT_EQ(rotation(1, 3), Rotation::kPanic);
}

} // namespace
} // namespace raglan::policy
