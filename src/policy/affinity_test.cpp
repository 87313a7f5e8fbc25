#include "policy/affinity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace raglan::policy {
namespace {

using namespace std::chrono_literals;

constexpr MonotonicTime kStart{1h};
constexpr auto kFew = static_cast<int>(Affinity::kFewRequests);

class AffinityTest : public testing::Test {
 protected:
  AffinityTest() : hosts_(8) {
    for (std::size_t i = 0; i < hosts_.size(); ++i) {
      hosts_[i].id = 100 + i;
      hosts_[i].latency = 10ms;
    }
  }
  std::size_t ask(std::optional<std::uint64_t> content) {
    return *strategy_.choose(hosts_, {.client = rng_(), .content = content}, now_, rng_);
  }
  // Where each of so many contents goes when little is asked.
  std::vector<std::size_t> owners(std::uint64_t contents) {
    std::vector<std::size_t> owners;
    for (std::uint64_t content = 0; content < contents; ++content) {
      now_ += 1h;
      owners.push_back(ask(content));
    }
    return owners;
  }

  Affinity strategy_;
  std::vector<HostLoad> hosts_;
  MonotonicTime now_ = kStart;
  Rng rng_{7};
};

TEST_F(AffinityTest, TheSameContentGoesToTheSameHostWhoeverAsks) {
  const auto before = owners(500);
  EXPECT_EQ(owners(500), before);
}

TEST_F(AffinityTest, SharesAreByWeight) {
  hosts_[0].weight = 8;
  const auto all = owners(6'000);
  EXPECT_NEAR(static_cast<double>(std::ranges::count(all, 0u)), 6'000 * 8.0 / 15, 150);
  EXPECT_NEAR(static_cast<double>(std::ranges::count(all, 1u)), 6'000 * 1.0 / 15, 80);
}

TEST_F(AffinityTest, RequestsInFlightAreNoReasonToGoElsewhere) {
  const std::size_t home = ask(42);
  hosts_[home].in_flight = 10'000;
  hosts_[home].latency = 10s;
  now_ += 1h;
  EXPECT_EQ(ask(42), home);
}

TEST_F(AffinityTest, AHostThatHasItsShareTakesNoMoreAndTheNextDoes) {
  const std::size_t home = ask(42);
  for (int i = 1; i < kFew; ++i) EXPECT_EQ(ask(42), home);
  const std::size_t next = ask(42);
  EXPECT_NE(next, home);
  for (int i = 1; i < kFew; ++i) EXPECT_EQ(ask(42), next);
  EXPECT_NE(ask(42), next);
}

// Whether a host that has kFew requests, all for one content, takes a 17th for it when the others
// have so many. Frequent: it was asked for just before; else before all of the others'.
bool takes_one_more(std::uint64_t requests_of_others, bool frequent) {
  Affinity strategy;
  Rng rng(7);
  std::vector<HostLoad> hosts(8);
  for (std::size_t i = 0; i < hosts.size(); ++i) hosts[i].id = 100 + i;
  const auto ask = [&](std::uint64_t content) {
    return *strategy.choose(hosts, {.content = content}, kStart, rng);
  };
  const std::size_t home = ask(42);
  const auto ask_others = [&] {
    hosts[home].eligible = false;
    for (std::uint64_t i = 0; i < requests_of_others; ++i) ask(1'000 + i);
    hosts[home].eligible = true;
  };
  if (frequent) ask_others();
  for (int i = 1; i < kFew; ++i) EXPECT_EQ(ask(42), home);
  if (!frequent) ask_others();
  return ask(42) == home;
}

TEST_F(AffinityTest, NoHostTakesMoreThanOneAndAQuarterTimesTheMean) {
  EXPECT_FALSE(takes_one_more(91, false)); // (16 + 91 + 1) × 1.25 / 8 = 16.9
  EXPECT_TRUE(takes_one_more(92, false));  // 17.03
}

TEST_F(AffinityTest, AndOfFrequentContentNotMoreThanOneAndAFifth) {
  EXPECT_FALSE(takes_one_more(96, true)); // (96 + 16 + 1) × 1.2 / 8 = 16.95
  EXPECT_TRUE(takes_one_more(97, true));  // 17.1
}

TEST_F(AffinityTest, TheSumFadesWithTime) {
  const std::size_t home = ask(42);
  for (int i = 1; i < kFew; ++i) ask(42);
  EXPECT_NE(ask(42), home);
  // Of sixteen, one has faded in a little less than two seconds: 16 / e^(2/30) is 14.97.
  now_ += 1s;
  EXPECT_NE(ask(42), home);
  now_ += 1s;
  EXPECT_EQ(ask(42), home);
  EXPECT_NE(ask(42), home);
}

TEST_F(AffinityTest, GoesOnAfterALongTime) {
  const std::size_t home = ask(42);
  for (int day = 0; day < 1'000; ++day) {
    now_ += 24h;
    EXPECT_EQ(ask(42), home);
  }
}

TEST_F(AffinityTest, RareContentStaysAtHomeAsFrequentContentMakesRoom) {
  constexpr std::uint64_t kRare = 20'000;
  const auto homes = owners(kRare);
  now_ += 1h;
  std::map<std::size_t, int> frequent;
  int moved = 0;
  for (std::uint64_t content = 0; content < kRare; ++content) {
    if (content % 2 == 0) ++frequent[ask(kRare)]; // a third of all requests
    const bool at_home = ask(content) == homes[content];
    if (content >= 1'000 && !at_home) ++moved; // the sums are more than few requests
  }
  EXPECT_GE(frequent.size(), 3u);
  EXPECT_LE(moved, 20);
}

TEST_F(AffinityTest, OneQuestionThatEverybodyAsksIsSpreadOverAllHosts) {
  std::map<std::size_t, int> counts;
  for (int i = 0; i < 20'000; ++i) ++counts[ask(42)];
  EXPECT_EQ(counts.size(), 8u);
  for (const auto& [place, count] : counts) EXPECT_LE(count, 1.25 * 20'000 / 8) << place;
}

TEST_F(AffinityTest, WithoutContentItChoosesAsPrequalDoes) {
  Prequal prequal;
  Rng rng = rng_;
  for (int i = 0; i < 1'000; ++i) {
    hosts_[rng_.below(8)].in_flight = static_cast<std::uint32_t>(rng_.below(9));
    hosts_[rng_.below(8)].latency = rng_.below(9) * 10ms;
    now_ += 5ms;
    rng = rng_;
    const auto expected = prequal.choose(hosts_, {}, now_, rng);
    EXPECT_EQ(strategy_.choose(hosts_, {}, now_, rng_), expected);
  }
}

TEST_F(AffinityTest, RequestsWithoutContentCountAsWell) {
  const std::size_t home = ask(42);
  for (HostLoad& host : hosts_) host.eligible = host.id == hosts_[home].id;
  for (int i = 1; i < kFew; ++i) ask(std::nullopt);
  for (HostLoad& host : hosts_) host.eligible = true;
  EXPECT_NE(ask(42), home);
}

TEST_F(AffinityTest, AHostThatIsNotEligibleIsPassedOverAndNothingElseMoves) {
  const auto before = owners(2'000);
  hosts_[5].eligible = false;
  const auto without = owners(2'000);
  std::map<std::size_t, int> taken;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] == 5) {
      ++taken[without[i]];
    } else {
      ASSERT_EQ(without[i], before[i]);
    }
  }
  EXPECT_EQ(taken.size(), 7u); // each key's own next
  EXPECT_FALSE(taken.contains(5));
  hosts_[5].eligible = true;
  EXPECT_EQ(owners(2'000), before);
}

TEST_F(AffinityTest, AHostThatJoinsTakesItsShareAndNothingElseMoves) {
  const auto before = owners(2'000);
  hosts_.push_back({.id = 999, .latency = 10ms});
  const auto with = owners(2'000);
  int moved = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (with[i] == before[i]) continue;
    ASSERT_EQ(with[i], 8u);
    ++moved;
  }
  EXPECT_NEAR(moved, 2'000 / 9.0, 45);
}

} // namespace
} // namespace raglan::policy
