#include "policy/replica_lag.h"

#include <gtest/gtest.h>

namespace raglan::policy {
namespace {

using namespace std::chrono_literals;

constexpr MonotonicTime kStart{1h};

TEST(ReplicaLag, NothingIsKnownBeforeALookIsReached) {
  ReplicaLag lag;
  EXPECT_FALSE(lag.behind(kStart));
  lag.applied(1'000); // nobody knows where the primary is
  EXPECT_FALSE(lag.behind(kStart));
  lag.primary_at(2'000, kStart);
  lag.applied(1'999);
  EXPECT_FALSE(lag.behind(kStart + 1s));
  lag.applied(2'000);
  EXPECT_EQ(lag.behind(kStart + 1s), Duration::zero());
}

TEST(ReplicaLag, WhoHasAllOfTheLastLookIsNotBehind) {
  ReplicaLag lag;
  for (int i = 0; i < 100; ++i) {
    lag.primary_at(1'000 * i, kStart + i * 1s);
    lag.applied(1'000 * i + 500); // the primary has gone on since
    EXPECT_EQ(lag.behind(kStart + i * 1s + 900ms), Duration::zero());
  }
}

TEST(ReplicaLag, AnIdlePrimaryMakesNoLag) {
  ReplicaLag lag;
  lag.primary_at(1'000, kStart);
  lag.applied(1'000);
  for (int i = 1; i <= 3'600; ++i) lag.primary_at(1'000, kStart + i * 1s);
  EXPECT_EQ(lag.behind(kStart + 3'600s), Duration::zero());
  lag.primary_at(2'000, kStart + 3'601s); // the first write for an hour
  lag.applied(1'000);
  EXPECT_EQ(lag.behind(kStart + 3'601s), 1s);
}

// Also when it had not caught up before the primary stood still.
TEST(ReplicaLag, WhatAnIdlePrimaryHadIsAsOldAsTheLastLook) {
  ReplicaLag lag;
  lag.primary_at(1'000, kStart);
  lag.applied(1'000);
  lag.primary_at(2'000, kStart + 1s);
  lag.primary_at(2'000, kStart + 50s);
  lag.primary_at(3'000, kStart + 51s);
  lag.applied(2'000);
  EXPECT_EQ(lag.behind(kStart + 52s), 2s);
}

TEST(ReplicaLag, OneThatStandsStillFallsBehindWithTheTime) {
  ReplicaLag lag;
  lag.primary_at(1'000, kStart);
  lag.applied(1'000);
  for (int i = 1; i <= 10'000; ++i) { // more looks than are kept
    lag.primary_at(1'000 + i, kStart + i * 1s);
    lag.applied(1'000);
    ASSERT_EQ(lag.behind(kStart + i * 1s), i * 1s);
  }
  lag.applied(11'000);
  EXPECT_EQ(lag.behind(kStart + 10'000s), Duration::zero());
}

TEST(ReplicaLag, CatchingUpIsSeenAlthoughLooksWereThinnedOut) {
  ReplicaLag lag;
  lag.primary_at(0, kStart);
  lag.applied(0);
  for (int i = 1; i <= 1'000; ++i) lag.primary_at(100 * i, kStart + i * 1s);
  for (const int reached : {150, 500, 750, 990}) {
    lag.applied(100 * reached);
    const double behind = std::chrono::duration<double>(*lag.behind(kStart + 1'000s)).count();
    EXPECT_NEAR(behind, 1'000 - reached, 0.01);
  }
}

TEST(ReplicaLag, BetweenTwoLooksTheLogGrewEvenly) {
  ReplicaLag lag;
  lag.primary_at(1'000, kStart);
  lag.applied(1'000);
  lag.primary_at(2'000, kStart + 1s);
  lag.applied(1'750);
  EXPECT_EQ(lag.behind(kStart + 1s), 250ms);
  lag.applied(1'750); // it does not move
  EXPECT_EQ(lag.behind(kStart + 2s), 1'250ms);
  lag.applied(1'900);
  EXPECT_EQ(lag.behind(kStart + 2s), 1'100ms);
}

TEST(ReplicaLag, WhatABurstLeftIsAsOldAsTheBurst) {
  ReplicaLag lag;
  lag.primary_at(1'000, kStart);
  lag.applied(1'000);
  lag.primary_at(2'000, kStart + 1s);
  lag.primary_at(2'000, kStart + 100s); // idle since
  lag.applied(1'900);
  EXPECT_EQ(lag.behind(kStart + 100s), 99'100ms);
  lag.applied(2'000);
  EXPECT_EQ(lag.behind(kStart + 100s), Duration::zero());
}

TEST(ReplicaLag, ALogThatBeginsAnewIsMeasuredAnew) {
  ReplicaLag lag;
  lag.primary_at(5'000, kStart);
  lag.applied(5'000);
  lag.primary_at(3'000, kStart + 1s); // another primary, which has less
  EXPECT_FALSE(lag.behind(kStart + 1s));
  lag.applied(3'000);
  EXPECT_EQ(lag.behind(kStart + 1s), Duration::zero());
}

TEST(ReplicaLag, WhoHasMoreThanThePrimaryHasAnotherLog) {
  ReplicaLag lag;
  lag.primary_at(5'000, kStart);
  lag.applied(6'000); // read later
  EXPECT_FALSE(lag.strayed());
  lag.primary_at(6'000, kStart + 1s);
  EXPECT_FALSE(lag.strayed());
  lag.primary_at(5'999, kStart + 2s);
  EXPECT_TRUE(lag.strayed());
  lag.applied(6'000);
  lag.primary_at(7'000, kStart + 3s); // that it is overtaken makes it no better
  EXPECT_TRUE(lag.strayed());
  lag.applied(5'500);
  EXPECT_FALSE(lag.strayed());
}

TEST(ReplicaLag, TimeThatRunsBackwardsMakesNoNegativeLag) {
  ReplicaLag lag;
  lag.primary_at(1'000, kStart);
  lag.applied(1'000);
  lag.primary_at(2'000, kStart + 1s);
  EXPECT_EQ(lag.behind(kStart - 1s), Duration::zero());
}

} // namespace
} // namespace raglan::policy
