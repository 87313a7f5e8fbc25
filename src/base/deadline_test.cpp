#include "base/deadline.h"

#include <gtest/gtest.h>

namespace raglan {
namespace {

using namespace std::chrono_literals;

class DeadlineTest : public ::testing::Test {
 protected:
  ManualClock clock_;
  const MonotonicTime start_ = clock_.now();
};

TEST_F(DeadlineTest, TheInstantItselfCountsAsExpired) {
  const Deadline deadline = Deadline::after(10ms, start_);
  EXPECT_FALSE(deadline.expired(start_ + 10ms - 1ns));
  EXPECT_TRUE(deadline.expired(start_ + 10ms));
  EXPECT_EQ(deadline.remaining(start_ + 4ms), 6ms);
  EXPECT_EQ(deadline.remaining(start_ + 1h), 0ms);
}

TEST_F(DeadlineTest, AStageMustEndBeforeIt) {
  const Deadline deadline = Deadline::after(10ms, start_);
  EXPECT_TRUE(deadline.allows(10ms - 1ns, start_));
  EXPECT_FALSE(deadline.allows(10ms, start_));
}

TEST_F(DeadlineTest, TheDefaultNeverExpires) {
  const Deadline deadline;
  EXPECT_TRUE(deadline.never());
  EXPECT_FALSE(deadline.expired(start_ + 1000h));
  EXPECT_EQ(deadline.remaining(start_), Duration::max());
  EXPECT_TRUE(deadline.allows(1000h, start_));
}

TEST_F(DeadlineTest, CappingTakesTheNearer) {
  const Deadline deadline = Deadline::after(10ms, start_);
  EXPECT_EQ(deadline.capped(5ms, start_).at(), start_ + 5ms);
  EXPECT_EQ(deadline.capped(50ms, start_).at(), start_ + 10ms);
  EXPECT_EQ(Deadline().capped(5ms, start_).at(), start_ + 5ms);
}

TEST(ManualClock, MovesOnlyWhenTold) {
  ManualClock clock;
  const MonotonicTime start = clock.now();
  const WallTime wall = clock.wall_now();
  EXPECT_EQ(clock.now(), start);
  clock.advance(3s);
  EXPECT_EQ(clock.now() - start, 3s);
  EXPECT_EQ(clock.wall_now() - wall, 3s);
}

TEST(SystemClock, NeverGoesBack) {
  const Clock& clock = SystemClock::instance();
  const MonotonicTime before = clock.now();
  EXPECT_LE(before, clock.now());
}

} // namespace
} // namespace raglan
