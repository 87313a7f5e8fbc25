#include "policy/retry_budget.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace raglan::policy {
namespace {

// A budget with so many live requests, and all the retries that it allows.
std::size_t retries_allowed(std::size_t requests, RetryBudgetConfig config = {}) {
  RetryBudget budget(config);
  std::vector<RetryBudget::Permit> live;
  for (std::size_t i = 0; i < requests; ++i) live.push_back(budget.begin_request());
  std::vector<RetryBudget::Permit> retries;
  while (auto retry = budget.try_acquire_retry()) retries.push_back(std::move(*retry));
  EXPECT_EQ(budget.usage().requests, requests);
  EXPECT_EQ(budget.usage().retries, retries.size());
  EXPECT_EQ(budget.usage().refused, 1u);
  return retries.size();
}

TEST(RetryBudget, AllowsThreeHoweverFewRequestsThereAre) {
  EXPECT_EQ(retries_allowed(0), 3u);
  EXPECT_EQ(retries_allowed(1), 3u);
  EXPECT_EQ(retries_allowed(19), 3u);
}

TEST(RetryBudget, AllowsAFifthOfTheLiveRequestsRoundedDown) {
  EXPECT_EQ(retries_allowed(20), 4u);
  EXPECT_EQ(retries_allowed(24), 4u);
  EXPECT_EQ(retries_allowed(25), 5u);
  EXPECT_EQ(retries_allowed(1000), 200u);
}

TEST(RetryBudget, ARatioIsExactWhereItsProductIsNot) {
  EXPECT_EQ(retries_allowed(100, {.retry_ratio = 0.29}), 29u);
}

TEST(RetryBudget, NoneWhenBothAreZero) {
  EXPECT_EQ(retries_allowed(100, {.retry_ratio = 0, .min_retries = 0}), 0u);
}

TEST(RetryBudget, AnEndedRetryMakesRoomForAnother) {
  RetryBudget budget({.retry_ratio = 0, .min_retries = 1});
  auto retry = budget.try_acquire_retry();
  ASSERT_TRUE(retry.has_value());
  EXPECT_FALSE(budget.try_acquire_retry().has_value());
  retry.reset();
  EXPECT_TRUE(budget.try_acquire_retry().has_value());
}

TEST(RetryBudget, EndedRequestsLowerTheShareButEndNoRetry) {
  RetryBudget budget({.retry_ratio = 0.5, .min_retries = 0});
  std::vector<RetryBudget::Permit> live;
  for (int i = 0; i < 4; ++i) live.push_back(budget.begin_request());
  auto first = budget.try_acquire_retry();
  auto second = budget.try_acquire_retry();
  ASSERT_TRUE(first.has_value() && second.has_value());
  live.clear();
  EXPECT_EQ(budget.usage().requests, 0u);
  EXPECT_EQ(budget.usage().retries, 2u);
  first.reset();
  EXPECT_FALSE(budget.try_acquire_retry().has_value());
}

TEST(RetryBudget, AMovedPermitCountsOnce) {
  RetryBudget budget;
  {
    auto first = budget.begin_request();
    auto moved = std::move(first);
    EXPECT_EQ(budget.usage().requests, 1u);
    moved = budget.begin_request(); // ends the one it held
    EXPECT_EQ(budget.usage().requests, 1u);
  }
  EXPECT_EQ(budget.usage().requests, 0u);
}

TEST(RetryBudget, CountsRightUnderConcurrency) {
  RetryBudget budget;
  std::atomic<std::size_t> most = 0;
  const auto work = [&] {
    for (int i = 0; i < 2000; ++i) {
      const auto live = budget.begin_request();
      const auto retry = budget.try_acquire_retry();
      const auto seen = budget.usage().retries;
      if (seen > most) most = seen;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) threads.emplace_back(work);
  for (auto& thread : threads) thread.join();
  EXPECT_LE(most, 3u);
  EXPECT_EQ(budget.usage().requests, 0u);
  EXPECT_EQ(budget.usage().retries, 0u);
}

} // namespace
} // namespace raglan::policy
