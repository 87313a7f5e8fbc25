#include "policy/balancing_strategies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace raglan::policy {
namespace {

using namespace std::chrono_literals;
using ::testing::Each;
using ::testing::ElementsAre;

constexpr MonotonicTime kNow{1h};
constexpr auto kAll = {Strategy::kRoundRobin, Strategy::kLeastConnections,
                       Strategy::kIpHash,     Strategy::kWeightedRoundRobin,
                       Strategy::kP2c,        Strategy::kPrequal,
                       Strategy::kAffinity};

std::vector<HostLoad> hosts_with_weights(const std::vector<double>& weights) {
  std::vector<HostLoad> hosts;
  hosts.reserve(weights.size());
  for (const double weight : weights) {
    hosts.push_back({.id = 100 + hosts.size(), .weight = weight});
  }
  return hosts;
}

std::vector<HostLoad> hosts_with_loads(const std::vector<std::uint32_t>& loads) {
  std::vector<HostLoad> hosts;
  hosts.reserve(loads.size());
  for (const auto load : loads) hosts.push_back({.id = 100 + hosts.size(), .in_flight = load});
  return hosts;
}

// Of as many choices, each with a client and a content of its own, how many went where.
std::vector<int> counts(BalancingStrategy& strategy, std::span<const HostLoad> hosts, int choices) {
  Rng rng(11);
  std::vector<int> counts(hosts.size());
  for (int i = 0; i < choices; ++i) {
    const auto place = strategy.choose(hosts, {.client = rng(), .content = rng()}, kNow, rng);
    if (place) ++counts[*place];
  }
  return counts;
}

std::vector<std::size_t> places(BalancingStrategy& strategy, std::span<const HostLoad> hosts,
                                int choices) {
  Rng rng(1);
  std::vector<std::size_t> places;
  places.reserve(static_cast<std::size_t>(choices));
  for (int i = 0; i < choices; ++i) places.push_back(*strategy.choose(hosts, {}, kNow, rng));
  return places;
}

TEST(BalancingStrategies, EachHasANameOfItsOwnAndCanBeMade) {
  std::map<std::string_view, Strategy> names;
  for (const Strategy strategy : kAll) {
    names.emplace(strategy_name(strategy), strategy);
    EXPECT_NE(make_strategy(strategy), nullptr);
  }
  EXPECT_EQ(names.size(), kAll.size());
  EXPECT_TRUE(names.contains("weighted_round_robin"));
}

TEST(BalancingStrategies, NoneChoosesWhereNoneCanBeAsked) {
  auto hosts = hosts_with_weights({1, 1, 1});
  for (HostLoad& host : hosts) host.eligible = false;
  Rng rng(1);
  for (const Strategy strategy : kAll) {
    EXPECT_FALSE(make_strategy(strategy)->choose({}, {.content = 5}, kNow, rng));
    EXPECT_FALSE(make_strategy(strategy)->choose(hosts, {.content = 5}, kNow, rng));
  }
}

TEST(BalancingStrategies, NoneGoesToAHostThatIsNotEligibleWhoeverComesAndGoes) {
  for (const Strategy strategy : kAll) {
    const auto chooser = make_strategy(strategy);
    Rng rng(3);
    for (int i = 0; i < 2'000; ++i) {
      std::vector<HostLoad> hosts;
      bool any = false;
      for (std::uint64_t id = 0; id < 40; ++id) {
        if (rng.below(3) == 0) continue;
        hosts.push_back({.id = id,
                         .weight = 0.1 + rng.uniform(),
                         .eligible = rng.below(8) == 0,
                         .in_flight = static_cast<std::uint32_t>(rng.below(20)),
                         .latency = rng.below(4) * 10ms});
        any |= hosts.back().eligible;
      }
      const auto place =
          chooser->choose(hosts, {.client = rng(), .content = rng.below(50)}, kNow + i * 10ms, rng);
      ASSERT_EQ(place.has_value(), any) << strategy_name(strategy);
      if (place) ASSERT_TRUE(hosts[*place].eligible) << strategy_name(strategy);
    }
  }
}

TEST(RoundRobin, GoesInTurnWhateverTheWeightsAre) {
  RoundRobin strategy;
  const auto chosen = places(strategy, hosts_with_weights({1, 9, 1}), 9);
  for (std::size_t i = 1; i < chosen.size(); ++i) EXPECT_EQ(chosen[i], (chosen[i - 1] + 1) % 3);
}

TEST(RoundRobin, BeginsAnywhereSoThatLoopsDoNotGoTogether) {
  std::vector<int> first(4);
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    Rng rng(seed);
    RoundRobin strategy;
    ++first[*strategy.choose(hosts_with_weights({1, 1, 1, 1}), {}, kNow, rng)];
  }
  EXPECT_THAT(first, Each(testing::Gt(60)));
}

TEST(RoundRobin, TheHostBehindOneThatIsPassedOverGetsNoMoreThanOthers) {
  auto hosts = hosts_with_weights({1, 1, 1, 1, 1});
  hosts[1].eligible = hosts[2].eligible = false;
  RoundRobin strategy;
  EXPECT_THAT(counts(strategy, hosts, 300), ElementsAre(100, 0, 0, 100, 100));
}

TEST(RoundRobin, GoesOnWhenHostsLeave) {
  RoundRobin strategy;
  places(strategy, hosts_with_weights({1, 1, 1, 1, 1}), 4);
  EXPECT_THAT(counts(strategy, hosts_with_weights({1, 1}), 10), ElementsAre(5, 5));
}

TEST(WeightedRoundRobin, IsSmooth) {
  WeightedRoundRobin strategy; // nginx's own example
  EXPECT_THAT(places(strategy, hosts_with_weights({5, 1, 1}), 7), ElementsAre(0, 0, 1, 0, 2, 0, 0));
}

TEST(WeightedRoundRobin, ForgetsNobodyWhenHostsJoin) {
  WeightedRoundRobin strategy;
  std::vector<HostLoad> hosts = hosts_with_weights({1, 1});
  EXPECT_THAT(places(strategy, hosts, 1), ElementsAre(0));
  hosts.insert(hosts.begin(), HostLoad{.id = 7}); // the second's turn it is still
  EXPECT_THAT(places(strategy, hosts, 1), ElementsAre(2));
}

TEST(WeightedRoundRobin, SharesAreByWeightThroughChangesOfWeightsAndHosts) {
  WeightedRoundRobin strategy;
  EXPECT_THAT(counts(strategy, hosts_with_weights({1, 2, 7}), 1'000), ElementsAre(100, 200, 700));
  auto hosts = hosts_with_weights({1, 2, 7, 2});
  hosts[2].eligible = false;
  EXPECT_THAT(counts(strategy, hosts, 1'000), ElementsAre(200, 400, 0, 400));
  hosts[2].eligible = true;
  hosts[2].weight = 0.5;
  EXPECT_THAT(counts(strategy, hosts, 1'100)[2], testing::AllOf(testing::Ge(95), testing::Le(110)));
}

TEST(LeastConnections, GoesWhereTheFewestAreInFlight) {
  LeastConnections strategy;
  EXPECT_THAT(places(strategy, hosts_with_loads({3, 1, 2}), 20), Each(1));
}

TEST(LeastConnections, CountsPerWeight) {
  LeastConnections strategy;
  auto hosts = hosts_with_weights({1, 4});
  hosts[0].in_flight = 1;
  hosts[1].in_flight = 3;
  EXPECT_THAT(places(strategy, hosts, 20), Each(1));
  hosts[1].in_flight = 5;
  EXPECT_THAT(places(strategy, hosts, 20), Each(0));
}

TEST(LeastConnections, OfEqualsItIsEachInItsTurnByWeight) {
  LeastConnections strategy;
  const auto even = counts(strategy, hosts_with_loads({2, 2, 9, 2}), 30'000);
  EXPECT_EQ(even[2], 0);
  for (const int place : {0, 1, 3}) EXPECT_NEAR(even[static_cast<std::size_t>(place)], 10'000, 400);
  const auto weighted = counts(strategy, hosts_with_weights({1, 3}), 20'000);
  EXPECT_NEAR(weighted[0], 5'000, 250);
}

TEST(P2c, OfTwoItIsAlwaysTheOneWithLess) {
  TwoChoices strategy;
  EXPECT_THAT(places(strategy, hosts_with_loads({5, 4}), 50), Each(1));
  auto hosts = hosts_with_weights({1, 4});
  hosts[0].in_flight = 1;
  hosts[1].in_flight = 3;
  EXPECT_THAT(places(strategy, hosts, 50), Each(1));
}

TEST(P2c, TheWorstOfManyIsNeverChosenAndTheBestNotAlways) {
  TwoChoices strategy;
  const auto chosen = counts(strategy, hosts_with_loads({1, 2, 3, 4}), 12'000);
  EXPECT_EQ(chosen[3], 0);
  EXPECT_NEAR(chosen[0], 6'000, 250); // in half of the pairs
  EXPECT_NEAR(chosen[1], 4'000, 250);
  EXPECT_NEAR(chosen[2], 2'000, 250);
}

TEST(P2c, IdleHostsGetTheirShareByWeight) {
  TwoChoices strategy;
  const auto chosen = counts(strategy, hosts_with_weights({1, 2, 7}), 20'000);
  EXPECT_NEAR(chosen[0], 2'000, 250);
  EXPECT_NEAR(chosen[2], 14'000, 400);
}

TEST(P2c, OneAloneIsChosen) {
  TwoChoices strategy;
  auto hosts = hosts_with_loads({5, 0});
  hosts[1].eligible = false;
  EXPECT_THAT(places(strategy, hosts, 5), Each(0));
}

class IpHashTest : public testing::Test {
 protected:
  // Where each of kClients goes, as host ids.
  std::vector<std::uint64_t> owners(std::span<const HostLoad> hosts) {
    std::vector<std::uint64_t> owners;
    owners.reserve(kClients);
    for (std::uint64_t client = 0; client < kClients; ++client) {
      owners.push_back(hosts[*strategy_.choose(hosts, {.client = client}, kNow, rng_)].id);
    }
    return owners;
  }
  static constexpr std::size_t kClients = 20'000;
  IpHash strategy_;
  Rng rng_{1};
};

TEST_F(IpHashTest, AClientsHostIsTheSameInWhateverOrderTheHostsAre) {
  auto hosts = hosts_with_weights({1, 1, 2, 1});
  const auto before = owners(hosts);
  EXPECT_EQ(owners(hosts), before);
  std::ranges::reverse(hosts);
  EXPECT_EQ(owners(hosts), before);
}

TEST_F(IpHashTest, SharesAreByWeight) {
  std::map<std::uint64_t, int> share;
  for (const auto id : owners(hosts_with_weights({1, 2, 7}))) ++share[id];
  EXPECT_NEAR(share[100], 0.1 * kClients, 200);
  EXPECT_NEAR(share[101], 0.2 * kClients, 250);
  EXPECT_NEAR(share[102], 0.7 * kClients, 350);
}

TEST_F(IpHashTest, OnlyTheClientsOfAHostThatLeavesMoveAndToAllOthers) {
  auto hosts = hosts_with_weights({1, 1, 1, 1, 1, 1, 1, 1});
  const auto before = owners(hosts);
  hosts[3].eligible = false;
  const auto without = owners(hosts);
  std::map<std::uint64_t, int> taken;
  std::size_t moved = 0;
  for (std::size_t i = 0; i < kClients; ++i) {
    if (before[i] == without[i]) continue;
    ASSERT_EQ(before[i], 103u);
    ++taken[without[i]];
    ++moved;
  }
  EXPECT_NEAR(static_cast<double>(moved), kClients / 8.0, 200);
  EXPECT_EQ(taken.size(), 7u);
  for (const auto& [id, count] : taken) EXPECT_NEAR(count, static_cast<double>(moved) / 7, 80);
  hosts[3].eligible = true;
  EXPECT_EQ(owners(hosts), before);
}

TEST_F(IpHashTest, AWeightThatChangesMovesNoClientsBetweenOtherHosts) {
  auto hosts = hosts_with_weights({1, 1, 1, 1});
  const auto before = owners(hosts);
  hosts[0].weight = 0.1; // it has just joined
  const auto after = owners(hosts);
  for (std::size_t i = 0; i < kClients; ++i) {
    if (before[i] != after[i]) ASSERT_EQ(before[i], 100u);
  }
}

} // namespace
} // namespace raglan::policy
