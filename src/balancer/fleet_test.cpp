#include "balancer/fleet.h"

#include <gtest/gtest.h>

#include "policy/host_estimates.h"

namespace raglan::balancer {
namespace {

using policy::ExchangeEnd;
using policy::HealthState;
using std::chrono::seconds;

class FleetTest : public ::testing::Test {
 protected:
  static Fleet::Member member(const std::string& name, std::uint32_t weight = 1) {
    return {HostAddress{name, {}, 0}, weight};
  }
  Host& host(std::size_t place) { return *fleet_.hosts()->at(place); }
  void well(std::size_t place) { fleet_.note_check(host(place), {}); }
  void ill(std::size_t place) {
    for (int i = 0; i < 3; ++i) {
      fleet_.note_check(host(place), fail(ErrorCode::kUnavailable, "it is gone"));
    }
  }
  void fail_exchanges(std::size_t place, int count) {
    for (int i = 0; i < count; ++i) {
      fleet_.note_end(host(place), ExchangeEnd::kServerError, clock_.now());
    }
  }
  std::string rotation() const {
    std::string names;
    for (const auto& host : *fleet_.hosts()) {
      if (host->in_rotation) names += host->address.name;
    }
    return names;
  }

  ManualClock clock_;
  Fleet fleet_{policy::HealthThresholds{}, {}, clock_};
};

TEST_F(FleetTest, AHostIsInRotationFromItsFirstGoodCheckToItsThirdBadOne) {
  fleet_.set({member("a"), member("b"), member("c")});
  well(0);
  well(1);
  EXPECT_EQ(rotation(), "ab");
  fleet_.note_check(host(1), fail(ErrorCode::kUnavailable, "it is gone"));
  fleet_.note_check(host(1), fail(ErrorCode::kUnavailable, "it is gone"));
  well(2);
  EXPECT_EQ(rotation(), "abc");
  fleet_.note_check(host(1), fail(ErrorCode::kUnavailable, "it is gone"));
  EXPECT_EQ(rotation(), "ac");
  well(1);
  EXPECT_EQ(rotation(), "abc");
}

TEST_F(FleetTest, BelowHalfAllAreUsed) {
  fleet_.set({member("a"), member("b"), member("c"), member("d")});
  EXPECT_EQ(rotation(), "abcd"); // nothing is known
  EXPECT_FALSE(fleet_.panicking());
  well(0);
  EXPECT_EQ(rotation(), "a"); // and not what nobody has checked
  well(1);
  well(2);
  ill(1);
  EXPECT_EQ(rotation(), "ac");
  ill(2);
  EXPECT_EQ(rotation(), "abcd");
  EXPECT_TRUE(fleet_.panicking());
  well(1);
  EXPECT_EQ(rotation(), "ab");
  EXPECT_FALSE(fleet_.panicking());
}

TEST_F(FleetTest, AHostWhoseAnswersFailIsOutForAWhile) {
  fleet_.set({member("a"), member("b")});
  well(0);
  well(1);
  fail_exchanges(0, 4);
  fleet_.note_end(host(0), ExchangeEnd::kAnswered, clock_.now());
  fail_exchanges(0, 4);
  EXPECT_EQ(rotation(), "ab");
  fail_exchanges(0, 1);
  EXPECT_EQ(rotation(), "b");
  EXPECT_EQ(fleet_.status(host(0)).health, HealthState::kWell);
  clock_.advance(seconds(30) - std::chrono::milliseconds(1));
  fleet_.advance(clock_.now());
  EXPECT_EQ(rotation(), "b");
  clock_.advance(std::chrono::milliseconds(1));
  fleet_.advance(clock_.now());
  EXPECT_EQ(rotation(), "ab");
}

TEST_F(FleetTest, WhoSaysThatItIsNotReadyIsOutUntilItsNextGoodCheck) {
  fleet_.set({member("a"), member("b")});
  well(0);
  well(1);
  fleet_.note_not_ready(host(0));
  EXPECT_EQ(rotation(), "b");
  EXPECT_EQ(fleet_.health(host(0)), HealthState::kUnknown);
  well(0);
  EXPECT_EQ(rotation(), "ab");
}

TEST_F(FleetTest, WhoStaysIsWhatItWasAndWhoJoinsIsNot) {
  fleet_.set({member("a"), member("b")});
  well(0);
  well(1);
  const auto a = fleet_.hosts()->at(0);
  const auto version = fleet_.version();
  clock_.advance(seconds(1));
  fleet_.set({member("c"), member("a", 5), member("a")});
  EXPECT_NE(fleet_.version(), version);
  ASSERT_EQ(fleet_.hosts()->size(), 2u); // one of each name
  EXPECT_EQ(fleet_.hosts()->at(1), a);
  EXPECT_EQ(a->weight, 5u);
  EXPECT_EQ(rotation(), "a");
  EXPECT_TRUE(fleet_.has(*a));
}

TEST_F(FleetTest, WhoJoinsLaterOrIsBackStartsSlowlyAndTheFirstDoNot) {
  fleet_.set({member("a"), member("b")});
  well(0);
  clock_.advance(seconds(5));
  well(1);
  EXPECT_LT(host(0).joined_at.load(), clock_.now() - std::chrono::hours(1));
  EXPECT_LT(host(1).joined_at.load(), clock_.now() - std::chrono::hours(1));
  fleet_.set({member("a"), member("b"), member("c")});
  clock_.advance(seconds(1));
  well(2);
  EXPECT_EQ(host(2).joined_at.load(), clock_.now());
  ill(1);
  clock_.advance(seconds(1));
  well(1);
  EXPECT_EQ(host(1).joined_at.load(), clock_.now());
}

TEST_F(FleetTest, WithoutChecksAllAreWell) {
  Fleet unchecked({}, {}, clock_);
  unchecked.set({member("a")});
  const Host& only = *unchecked.hosts()->at(0);
  EXPECT_TRUE(only.in_rotation);
  unchecked.note_not_ready(only); // nobody would find out that it is again
  EXPECT_TRUE(only.in_rotation);
}

TEST(Host, ItsLatencyIsThatOfTheLastSeconds) {
  Host host({"a", {}, 0}, 1);
  MonotonicTime now{std::chrono::hours(1)};
  EXPECT_EQ(host.latency(), Duration::zero());
  host.note_latency(seconds(1), now);
  EXPECT_EQ(host.latency(), seconds(1));
  for (int i = 0; i < 100; ++i) {
    now += std::chrono::milliseconds(100);
    host.note_latency(std::chrono::milliseconds(10), now);
  }
  EXPECT_LT(host.latency(), std::chrono::milliseconds(200)); // after two memories
}

TEST(Host, WhatItFailedCountsOnAsInFlightForAWhile) {
  Host host({"a", {}, 0}, 1);
  const MonotonicTime now{std::chrono::hours(1)};
  host.in_flight = 3;
  EXPECT_EQ(host.load(now), 3u);
  for (int i = 0; i < 10; ++i) host.note_failure(now);
  EXPECT_EQ(host.load(now), 13u);
  EXPECT_EQ(host.load(now + policy::kMemoryOfFailures), 3u + 4u); // 10 / e
  EXPECT_EQ(host.load(now + 10 * policy::kMemoryOfFailures), 3u);
}

} // namespace
} // namespace raglan::balancer
