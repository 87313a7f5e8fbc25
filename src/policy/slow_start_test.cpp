#include "policy/slow_start.h"

#include <gtest/gtest.h>

namespace raglan::policy {
namespace {

using namespace std::chrono_literals;

constexpr MonotonicTime kJoined{1h};

double after(Duration elapsed, SlowStartConfig config = {}) {
  return slow_start_factor(config, kJoined, kJoined + elapsed);
}

TEST(SlowStart, GrowsLinearlyFromItsFloor) {
  EXPECT_DOUBLE_EQ(after(0s), 0.1);
  EXPECT_DOUBLE_EQ(after(10s), 0.4);
  EXPECT_DOUBLE_EQ(after(15s), 0.55);
  EXPECT_DOUBLE_EQ(after(10s, {.duration = 20s, .floor = 0.5}), 0.75);
}

TEST(SlowStart, EndsAtItsDuration) {
  EXPECT_LT(after(30s - 1ms), 1);
  EXPECT_GT(after(30s - 1ms), 0.9999);
  EXPECT_EQ(after(30s), 1);
  EXPECT_EQ(after(24h), 1);
}

TEST(SlowStart, IsOffWithoutADuration) { EXPECT_EQ(after(0s, {.duration = 0ms}), 1); }

TEST(SlowStart, TimeThatRunsBackwardsIsNoLessThanTheFloor) { EXPECT_DOUBLE_EQ(after(-5s), 0.1); }

} // namespace
} // namespace raglan::policy
