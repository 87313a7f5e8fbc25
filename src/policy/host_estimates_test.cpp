#include "policy/host_estimates.h"

#include <gtest/gtest.h>

namespace raglan::policy {
namespace {

using namespace std::chrono_literals;

TEST(HostEstimates, TheFirstAnswerIsAllThatIsKnown) {
  EXPECT_EQ(smoothed_latency(0s, 1s, 1h), 1s);
  EXPECT_EQ(smoothed_latency(0s, 0s, 1h), Duration(1)); // zero would mean that nothing is known
}

TEST(HostEstimates, LatencyIsThatOfTheLastSecondsHoweverManyAnswersThereWere) {
  for (const auto apart : {10ms, 100ms, 1000ms}) {
    Duration latency = 1s;
    for (Duration passed = 0s; passed < kMemoryOfLatency; passed += apart) {
      latency = smoothed_latency(latency, 10ms, apart);
    }
    // 1/e of the difference is left.
    EXPECT_NEAR(std::chrono::duration<double>(latency).count(), 0.01 + 0.99 / 2.71828, 1e-3);
  }
}

TEST(HostEstimates, AnswersOfOneMomentCountAsAMillisecondApart) {
  EXPECT_EQ(smoothed_latency(1s, 10ms, 0s), smoothed_latency(1s, 10ms, 1ms));
  EXPECT_LT(smoothed_latency(1s, 10ms, 2ms), smoothed_latency(1s, 10ms, 1ms));
}

TEST(HostEstimates, FailuresFade) {
  EXPECT_EQ(remembered_failures(10, 0s), 10);
  EXPECT_NEAR(remembered_failures(10, kMemoryOfFailures), 10 / 2.71828, 1e-4);
  EXPECT_GT(remembered_failures(10, 20 * kMemoryOfFailures), 0);
  EXPECT_EQ(remembered_failures(10, 20 * kMemoryOfFailures + 1ns), 0);
}

} // namespace
} // namespace raglan::policy
