#include "policy/prequal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace raglan::policy {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

constexpr MonotonicTime kStart{1h};

HostLoad host(Duration latency, std::uint32_t in_flight = 0) {
  return {.in_flight = in_flight, .latency = latency};
}

class PrequalTest : public testing::Test {
 protected:
  void has(std::vector<HostLoad> hosts) {
    hosts_ = std::move(hosts);
    for (std::size_t i = 0; i < hosts_.size(); ++i) hosts_[i].id = 100 + i;
  }
  std::size_t choose() { return *strategy_.choose(hosts_, {}, now_, rng_); }
  // Those that were chosen in so many choices.
  std::set<std::size_t> chosen_in(int choices) {
    std::set<std::size_t> chosen;
    for (int i = 0; i < choices; ++i) chosen.insert(choose());
    return chosen;
  }
  // As it is now is what is usual; no time passes.
  void gets_used_to_it() { chosen_in(5'000); }

  Prequal strategy_;
  std::vector<HostLoad> hosts_;
  MonotonicTime now_ = kStart;
  Rng rng_{5};
};

TEST_F(PrequalTest, GoesWhereTheLatencyIsLowest) {
  has({host(90ms), host(30ms), host(80ms)});
  EXPECT_THAT(chosen_in(100), ElementsAre(1));
}

TEST_F(PrequalTest, HostsWithinTwiceTheLowestLatencyAreAsFast) {
  has({host(10ms), host(20ms), host(20'001us)});
  EXPECT_THAT(chosen_in(100), ElementsAre(0, 1));
}

TEST_F(PrequalTest, OfThoseThatAreAsFastItIsTheOneWithTheFewestInFlightPerWeight) {
  has({host(10ms, 2), host(12ms, 1), host(11ms, 3)});
  EXPECT_THAT(chosen_in(100), ElementsAre(1));
  hosts_[2].weight = 4;
  EXPECT_THAT(chosen_in(100), ElementsAre(2));
}

TEST_F(PrequalTest, AFastHostThatHasMoreInFlightThanMostIsHot) {
  has({host(10ms, 9), host(50ms, 2), host(50ms, 2), host(50ms, 2), host(50ms, 2), host(50ms, 2),
       host(50ms, 2), host(50ms, 2)});
  gets_used_to_it();
  EXPECT_FALSE(chosen_in(100).contains(0));
  hosts_[0].in_flight = 2;
  EXPECT_THAT(chosen_in(100), ElementsAre(0));
}

TEST_F(PrequalTest, WhoHasNoMoreThanHostsLatelyHadIsNotHot) {
  has({host(10ms, 7), host(90ms, 7), host(90ms, 7), host(90ms, 7), host(90ms, 7), host(90ms, 7),
       host(90ms, 7), host(90ms, 7)});
  gets_used_to_it();
  for (HostLoad& each : hosts_) each.in_flight = 1;
  hosts_[0].in_flight = 5;
  EXPECT_EQ(choose(), 0u);
  for (std::size_t i = 0; i < Prequal::kSeenLoads / 8; ++i) choose(); // that is no longer lately
  EXPECT_NE(choose(), 0u);
}

TEST_F(PrequalTest, WhenAllHaveMoreThanBeforeTheSlowOneIsNotTheOnlyColdOne) {
  has({host(10ms), host(10ms), host(10ms), host(900ms)});
  gets_used_to_it();
  hosts_[0].in_flight = hosts_[1].in_flight = hosts_[2].in_flight = 7;
  EXPECT_NE(choose(), 3u);
}

TEST_F(PrequalTest, LatencyIsTakenToGrowWithTheRequestsInFlight) {
  // The last one only keeps the first from being hot.
  has({host(10ms, 1), host(29ms, 1), host(900ms, 50)});
  gets_used_to_it();
  EXPECT_EQ(choose(), 0u);
  hosts_[0].in_flight = 2; // 15 ms: twice that is just as fast, and has less to do
  EXPECT_EQ(choose(), 1u);
  hosts_[1].in_flight = 3;
  EXPECT_EQ(choose(), 0u);
}

TEST_F(PrequalTest, AHostOfUnknownLatencyIsTriedByOneRequest) {
  has({host(10ms), host(0ms), host(10ms)});
  EXPECT_EQ(choose(), 1u);
  hosts_[1].in_flight = 1;
  EXPECT_FALSE(chosen_in(100).contains(1));
  hosts_[1] = host(10ms);
  EXPECT_TRUE(chosen_in(100).contains(1));
}

TEST_F(PrequalTest, AtFirstEachHostIsTried) {
  has({host(0ms), host(0ms), host(0ms), host(0ms)});
  std::set<std::size_t> tried;
  for (int i = 0; i < 4; ++i) {
    const std::size_t place = choose();
    tried.insert(place);
    ++hosts_[place].in_flight;
  }
  EXPECT_EQ(tried.size(), 4u);
  EXPECT_EQ(hosts_[choose()].in_flight, 1u); // and then where the fewest are
}

// Until it is chosen, in choices that far apart.
int choices_until_tried(Duration apart) {
  Prequal strategy;
  Rng rng(5);
  std::vector<HostLoad> hosts{host(10ms), host(120ms)};
  hosts[0].id = 1;
  hosts[1].id = 2;
  MonotonicTime now = kStart;
  for (int i = 0; i < 1'000'000; ++i, now += apart) {
    if (strategy.choose(hosts, {}, now, rng) == 1u) return i;
  }
  return -1;
}

// exp(-1.792) × 120 ms is twice 10 ms.
TEST_F(PrequalTest, WhatWasTwelveTimesAsSlowIsTriedAgainAfterEighteenSeconds) {
  const int choices = choices_until_tried(1ms);
  EXPECT_GE(choices, 17'910);
  EXPECT_LE(choices, 17'950);
}

TEST_F(PrequalTest, ButNotMoreOftenThanOneIn360Choices) {
  const int choices = choices_until_tried(10s);
  EXPECT_GE(choices, 358);
  EXPECT_LE(choices, 378);
}

TEST_F(PrequalTest, WhileSomebodyTriesItItsLatencyIsWhatItWas) {
  has({host(10ms, 1), host(120ms, 1)});
  chosen_in(2'000);
  now_ += 1h;
  EXPECT_EQ(choose(), 0u);
  hosts_[1].in_flight = 0;
  EXPECT_EQ(choose(), 1u);
}

TEST_F(PrequalTest, OfMoreHostsThanTheSampleAllHaveTheirTurn) {
  has(std::vector<HostLoad>(40, host(10ms)));
  EXPECT_EQ(chosen_in(2'000).size(), 40u);
}

TEST_F(PrequalTest, OfManyHostsTheFastestIsChosenOnlyWhenItIsInTheSample) {
  has(std::vector<HostLoad>(32, host(100ms)));
  hosts_[9].latency = 10ms;
  int chosen = 0;
  for (int i = 0; i < 10'000; ++i) chosen += choose() == 9 ? 1 : 0;
  EXPECT_NEAR(chosen, 5'000, 250);
}

} // namespace
} // namespace raglan::policy
