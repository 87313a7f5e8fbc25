#include "policy/outlier_ejection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "config/registry.h"

namespace raglan::policy {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr MonotonicTime kStart{1h};

class OutlierEjectionTest : public testing::Test {
 protected:
  OutlierEjectionTest() { has_hosts({1, 2, 3, 4}); }

  std::vector<std::uint64_t> has_hosts(const std::vector<std::uint64_t>& hosts) {
    return ejections_.set_hosts(hosts, now_);
  }
  std::optional<Ejection> fails(std::uint64_t host) {
    return ejections_.ended(host, ExchangeEnd::kServerError, now_);
  }
  std::optional<Ejection> fails_times(std::uint64_t host, int times) {
    std::optional<Ejection> last;
    for (int i = 0; i < times; ++i) last = fails(host);
    return last;
  }
  void answers(std::uint64_t host) { ejections_.ended(host, ExchangeEnd::kAnswered, now_); }
  bool ejected(std::uint64_t host) const { return ejections_.ejected(host, now_); }
  // Ejects it, for so long; and it is back.
  Duration ejection_time(std::uint64_t host) {
    const auto ejection = fails_times(host, 5);
    if (!ejection) return {};
    now_ = ejection->until;
    return ejection->until - ejection->at;
  }

  OutlierEjection ejections_;
  MonotonicTime now_ = kStart;
};

TEST_F(OutlierEjectionTest, TheFifthFailureInARowEjectsAndNotTheFourth) {
  EXPECT_EQ(fails_times(1, 4), std::nullopt);
  EXPECT_FALSE(ejected(1));
  EXPECT_EQ(ejections_.status(1, now_).failures_in_a_row, 4u);
  const auto ejection = fails(1);
  ASSERT_TRUE(ejection);
  EXPECT_EQ(ejection->host, 1u);
  EXPECT_EQ(ejection->at, kStart);
  EXPECT_EQ(ejection->until, kStart + 30s);
  EXPECT_TRUE(ejected(1));
  EXPECT_FALSE(ejected(2));
}

TEST_F(OutlierEjectionTest, AnAnswerEndsTheRow) {
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(fails_times(1, 4), std::nullopt);
    answers(1);
  }
  EXPECT_FALSE(ejected(1));
}

TEST_F(OutlierEjectionTest, EachHostHasARowOfItsOwn) {
  for (int i = 0; i < 4; ++i) {
    EXPECT_FALSE(fails(1));
    EXPECT_FALSE(fails(2));
  }
  answers(2);
  EXPECT_TRUE(fails(1));
}

TEST_F(OutlierEjectionTest, LostConnectionsCountAsWellAndTheReasonSaysHowMany) {
  fails_times(1, 3);
  EXPECT_FALSE(ejections_.ended(1, ExchangeEnd::kConnectionLost, now_));
  const auto ejection = ejections_.ended(1, ExchangeEnd::kConnectionLost, now_);
  ASSERT_TRUE(ejection);
  EXPECT_EQ(ejection_reason(*ejection), "5 failures in a row: 3 answers 5xx, 2 connections lost");
}

TEST_F(OutlierEjectionTest, EndsAtItsTimeAndNotBefore) {
  fails_times(1, 5);
  now_ += 30s - 1ns;
  EXPECT_TRUE(ejected(1));
  now_ += 1ns;
  EXPECT_FALSE(ejected(1));
}

TEST_F(OutlierEjectionTest, WhatEndsMeanwhileDoesNotCount) {
  fails_times(1, 5);
  EXPECT_FALSE(fails_times(1, 100));
  now_ += 30s;
  EXPECT_FALSE(ejected(1));
  EXPECT_FALSE(fails_times(1, 4));
  EXPECT_TRUE(fails(1));
}

TEST_F(OutlierEjectionTest, LastsTheBaseTimesTheNumberOfEjectionsAndAtMostTheMaximum) {
  for (int count = 1; count <= 10; ++count) EXPECT_EQ(ejection_time(1), count * 30s);
  EXPECT_EQ(ejection_time(1), 300s);
  EXPECT_EQ(ejection_time(1), 300s);
  EXPECT_EQ(ejections_.status(1, now_).ejections, 12u);
}

TEST_F(OutlierEjectionTest, TheCountFallsByOneForEachBaseIntervalThatTheHostIsWell) {
  for (int count = 1; count <= 3; ++count) ejection_time(1);
  now_ += 30s - 1ns;
  EXPECT_EQ(ejections_.status(1, now_).multiple, 3u);
  now_ += 1ns;
  EXPECT_EQ(ejections_.status(1, now_).multiple, 2u);
  EXPECT_EQ(ejection_time(1), 90s);
  now_ += 60s;
  EXPECT_EQ(ejection_time(1), 60s);
  now_ += 1h;
  EXPECT_EQ(ejections_.status(1, now_).multiple, 0u);
  EXPECT_EQ(ejection_time(1), 30s);
}

TEST_F(OutlierEjectionTest, TheCountDoesNotFallWhileTheHostIsEjected) {
  ejection_time(1);
  ejection_time(1);
  fails_times(1, 5); // for 90 s
  now_ += 89s;
  EXPECT_EQ(ejections_.status(1, now_).multiple, 3u);
}

TEST_F(OutlierEjectionTest, NeverMoreThanEnoughForTheLongestEjectionIsRemembered) {
  for (int i = 0; i < 100; ++i) ejection_time(1);
  now_ += 300s;
  EXPECT_EQ(ejections_.status(1, now_).multiple, 0u);
}

TEST_F(OutlierEjectionTest, NeverTakesMoreThanHalfOfTheHosts) {
  EXPECT_TRUE(fails_times(1, 5));
  EXPECT_TRUE(fails_times(2, 5));
  EXPECT_FALSE(fails_times(3, 5));
  EXPECT_FALSE(fails_times(4, 5));
  EXPECT_FALSE(ejected(3));
  EXPECT_EQ(ejections_.status(3, now_).spared, 1u);
}

TEST_F(OutlierEjectionTest, HalfOfThreeIsOneAndTheOnlyHostIsNeverEjected) {
  has_hosts({1, 2, 3});
  EXPECT_TRUE(fails_times(1, 5));
  EXPECT_FALSE(fails_times(2, 5));
  has_hosts({7});
  EXPECT_FALSE(fails_times(7, 50));
}

TEST_F(OutlierEjectionTest, WhoWasSparedIsEjectedByItsNextFailureOnceThereIsRoom) {
  fails_times(1, 5);
  fails_times(2, 5);
  fails_times(3, 5);
  now_ += 30s - 1ns;
  EXPECT_FALSE(fails(3));
  now_ += 1ns; // the others are back
  EXPECT_TRUE(fails(3));
}

TEST_F(OutlierEjectionTest, HostsThatStayKeepWhatIsKnownOfThem) {
  fails_times(1, 5);
  fails_times(2, 4);
  EXPECT_THAT(has_hosts({5, 2, 1, 6}), IsEmpty());
  EXPECT_TRUE(ejected(1));
  EXPECT_TRUE(fails(2));
  EXPECT_FALSE(ejected(3));
  EXPECT_FALSE(fails_times(3, 50)); // it is gone
}

TEST_F(OutlierEjectionTest, AHostThatLeftAndIsBackIsNew) {
  fails_times(1, 5);
  has_hosts({2, 3, 4});
  has_hosts({1, 2, 3, 4});
  EXPECT_FALSE(ejected(1));
  EXPECT_EQ(ejections_.status(1, now_).ejections, 0u);
}

TEST_F(OutlierEjectionTest, WhenOthersLeaveThoseAreBackThatWouldHaveBeenFirst) {
  fails_times(1, 5);
  now_ += 10s;
  fails_times(2, 5);
  EXPECT_THAT(has_hosts({1, 2, 3}), ElementsAre(1));
  EXPECT_FALSE(ejected(1));
  EXPECT_TRUE(ejected(2));
}

TEST_F(OutlierEjectionTest, TheStatusRemembersTheLatestEjectionWhenItIsOver) {
  EXPECT_FALSE(ejections_.status(1, now_).last);
  fails_times(1, 5);
  EXPECT_TRUE(ejections_.status(1, now_).ejected);
  now_ += 30s;
  const auto status = ejections_.status(1, now_);
  EXPECT_FALSE(status.ejected);
  ASSERT_TRUE(status.last);
  EXPECT_EQ(status.last->at, kStart);
  EXPECT_EQ(status.last->until, kStart + 30s);
  EXPECT_EQ(status.last->server_errors, 5u);
}

TEST_F(OutlierEjectionTest, SwitchedOffItEjectsNone) {
  ejections_ = OutlierEjection({.enabled = false});
  has_hosts({1, 2});
  EXPECT_FALSE(fails_times(1, 100));
}

TEST(OutlierEjectionConfig, DefaultsAreAllowedAndContradictionsRefused) {
  const auto problems = [](const std::string& toml) {
    OutlierEjectionConfig config;
    config::Registry registry;
    registry.add("balancer.ejection", config, "passive checks");
    return registry.load({.file_name = "raglan.toml", .toml = toml});
  };
  EXPECT_THAT(problems(""), IsEmpty());
  const auto found = problems("[balancer.ejection]\nmax_ejection_time = \"20s\"");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_THAT(found[0].message, HasSubstr("at least base_ejection_time"));
}

// Ten thousand random schedules of answers, failures, time, and hosts that come and go:
//   Half     never more than half of the hosts are ejected
//   Earned   each ejection follows at least five failures in a row of that host, since it was back
//   Bounded  none is shorter than the base time or longer than the maximum
//   InTime   a host is ejected until the time that was said, but for those that are back before it
TEST(OutlierEjectionSimulation, HoldsInEveryOrderOfEvents) {
  std::size_t ejected_in_all = 0;
  for (std::uint64_t seed = 0; seed < 10'000; ++seed) {
    Rng rng(seed);
    OutlierEjection ejections;
    MonotonicTime now = kStart;
    std::vector<std::uint64_t> hosts;
    std::vector<MonotonicTime> until(10, kStart);
    std::vector<int> row(10);
    for (int i = 0; i < 200; ++i) {
      const auto choice = rng.below(20);
      if (choice == 0 || hosts.empty()) {
        hosts.clear();
        for (std::uint64_t id = 0; id < 10; ++id) {
          if (rng.below(4) != 0) {
            hosts.push_back(id);
          } else {
            until[id] = now;
            row[id] = 0;
          }
        }
        for (const auto id : ejections.set_hosts(hosts, now)) until[id] = now;
      } else if (choice < 4) {
        now += std::chrono::seconds(rng.below(20));
      } else {
        const auto host = hosts[rng.below(std::min<std::size_t>(hosts.size(), 5))];
        const auto end = static_cast<ExchangeEnd>(rng.below(8) == 0 ? 0 : 1 + rng.below(2));
        if (now >= until[host]) row[host] = end == ExchangeEnd::kAnswered ? 0 : row[host] + 1;
        if (const auto ejection = ejections.ended(host, end, now)) {
          ++ejected_in_all;
          ASSERT_EQ(ejection->host, host);
          ASSERT_GE(row[host], 5) << "Earned, seed " << seed;
          ASSERT_GE(ejection->until - ejection->at, 30s) << "Bounded, seed " << seed;
          ASSERT_LE(ejection->until - ejection->at, 300s) << "Bounded, seed " << seed;
          until[host] = ejection->until;
          row[host] = 0;
        }
      }
      std::size_t ejected = 0;
      for (const auto id : hosts) {
        ejected += ejections.ejected(id, now) ? 1 : 0;
        ASSERT_EQ(ejections.ejected(id, now), now < until[id]) << "InTime, seed " << seed;
      }
      ASSERT_LE(2 * ejected, hosts.size()) << "Half, seed " << seed;
    }
  }
  EXPECT_GT(ejected_in_all, 10'000u);
}

} // namespace
} // namespace raglan::policy
