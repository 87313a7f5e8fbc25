#include "base/log_throttle.h"

#include <gtest/gtest.h>

namespace raglan {
namespace {

using namespace std::chrono_literals;

TEST(LogThrottle, OneLineInTenSecondsSaysHowManyWereLeftOut) {
  const MonotonicTime start{1h};
  LogThrottle throttle;
  EXPECT_EQ(throttle.admit(start), 0u);
  EXPECT_EQ(throttle.admit(start), std::nullopt);
  EXPECT_EQ(throttle.admit(start + 10s - 1ns), std::nullopt);
  EXPECT_EQ(throttle.admit(start + 10s), 2u);
  EXPECT_EQ(throttle.admit(start + 20s), 0u);
}

} // namespace
} // namespace raglan
