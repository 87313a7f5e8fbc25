#include "policy/token_bucket.h"

#include <gtest/gtest.h>

namespace raglan::policy {
namespace {

using namespace std::chrono_literals;

constexpr MonotonicTime kStart{1h};

TEST(TokenBucket, IsFullAtFirstAndThenFillsAtItsRate) {
  TokenBucket bucket({.per_second = 2, .size = 3}, kStart);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.try_take(1, kStart));
  EXPECT_FALSE(bucket.try_take(1, kStart));
  EXPECT_FALSE(bucket.try_take(1, kStart + 499ms));
  EXPECT_TRUE(bucket.try_take(1, kStart + 500ms));
  EXPECT_FALSE(bucket.try_take(1, kStart + 500ms));
}

TEST(TokenBucket, HoldsNoMoreThanItsSize) {
  TokenBucket bucket({.per_second = 100, .size = 2}, kStart);
  EXPECT_DOUBLE_EQ(bucket.available(kStart + 1h), 2);
  EXPECT_TRUE(bucket.try_take(2, kStart + 1h));
  EXPECT_FALSE(bucket.try_take(1, kStart + 1h));
}

TEST(TokenBucket, TooLittleTakesNothing) {
  TokenBucket bucket({.per_second = 1, .size = 2}, kStart);
  EXPECT_FALSE(bucket.try_take(3, kStart));
  EXPECT_TRUE(bucket.try_take(2, kStart));
}

TEST(TokenBucket, WhoWaitsAsLongAsItSaysFindsEnough) {
  for (const double rate : {0.3, 1.0, 3.0, 7.0, 1000.0}) {
    TokenBucket bucket({.per_second = rate, .size = 5}, kStart);
    ASSERT_TRUE(bucket.try_take(5, kStart));
    const Duration wait = bucket.wait_for(2, kStart);
    EXPECT_FALSE(TokenBucket(bucket).try_take(2, kStart + wait - 1us)) << rate;
    EXPECT_TRUE(bucket.try_take(2, kStart + wait)) << rate;
    EXPECT_EQ(bucket.wait_for(0, kStart + wait), Duration::zero());
  }
}

TEST(TokenBucket, WhatCanNeverBeThereIsWaitedForWithoutEnd) {
  EXPECT_EQ(TokenBucket({.per_second = 1, .size = 2}, kStart).wait_for(3, kStart), Duration::max());
  EXPECT_EQ(TokenBucket({.per_second = 0, .size = 0}, kStart).wait_for(1, kStart), Duration::max());
}

TEST(TokenBucket, TimeThatRunsBackwardsFillsNothing) {
  TokenBucket bucket({.per_second = 1, .size = 1}, kStart);
  ASSERT_TRUE(bucket.try_take(1, kStart));
  EXPECT_FALSE(bucket.try_take(1, kStart - 1h));
  EXPECT_FALSE(bucket.try_take(1, kStart));
  EXPECT_TRUE(bucket.try_take(1, kStart + 1s));
}

} // namespace
} // namespace raglan::policy
