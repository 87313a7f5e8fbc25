#include "policy/fair_queue.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/rng.h"

namespace raglan::policy {
namespace {

using namespace std::chrono_literals;

constexpr MonotonicTime kStart{1h};

class Filled {
 public:
  void push(const std::string& tenant, double cost = 1) {
    queue_.push({++last_, tenant, cost, kStart, MonotonicTime::max()});
  }
  // The tenants in the order in which they are served.
  std::string serve(int count, bool newest_first = false) {
    std::string order;
    for (int i = 0; i < count; ++i) {
      const auto entry = queue_.pop(newest_first);
      order += entry ? entry->tenant : "-";
    }
    return order;
  }
  FairQueue queue_;

 private:
  std::uint64_t last_ = 0;
};

TEST(FairQueue, TenantsTakeTurnsHoweverManyTicketsOneHas) {
  Filled filled;
  for (int i = 0; i < 6; ++i) filled.push("a");
  filled.push("b");
  filled.push("b");
  filled.push("c");
  EXPECT_EQ(filled.serve(10), "abcabaaaa-");
}

TEST(FairQueue, WhoCostsMoreIsServedLessOften) {
  Filled filled;
  for (int i = 0; i < 3; ++i) filled.push("a", 3);
  for (int i = 0; i < 9; ++i) filled.push("b", 1);
  EXPECT_EQ(filled.serve(8), "abbbabbb");
}

TEST(FairQueue, WhoWasAwayHasSavedNothingUp) {
  Filled filled;
  for (int i = 0; i < 10; ++i) filled.push("a");
  EXPECT_EQ(filled.serve(5), "aaaaa");
  for (int i = 0; i < 5; ++i) filled.push("b");
  EXPECT_EQ(filled.serve(8), "babababa");
}

TEST(FairQueue, LeavingAndComingBackForgivesNothing) {
  Filled filled;
  for (int i = 0; i < 4; ++i) filled.push("b");
  filled.push("a", 3);
  EXPECT_EQ(filled.serve(2), "ba"); // a is gone for now, and three ahead
  filled.push("a", 3);
  EXPECT_EQ(filled.serve(4), "bbba");
}

TEST(FairQueue, WithinATenantTheOldestOrTheNewestIsNext) {
  FairQueue queue;
  for (std::uint64_t id = 1; id <= 4; ++id) queue.push({id, "a", 1, kStart, MonotonicTime::max()});
  EXPECT_EQ(queue.pop(false)->id, 1u);
  EXPECT_EQ(queue.pop(true)->id, 4u);
  EXPECT_EQ(queue.oldest().id, 2u);
  EXPECT_EQ(queue.newest().id, 3u);
}

TEST(FairQueue, WhatIsTakenOutIsNotCharged) {
  Filled filled;
  filled.push("a", 100);
  filled.push("a", 1);
  filled.push("b", 1);
  EXPECT_TRUE(filled.queue_.remove(1));
  EXPECT_FALSE(filled.queue_.remove(1));
  EXPECT_EQ(filled.serve(2), "ab");
  EXPECT_EQ(filled.queue_.cost(), 0);
}

TEST(FairQueue, KnowsTheLargestTenantAndTheMostUrgentTicket) {
  FairQueue queue;
  queue.push({1, "a", 1, kStart, kStart + 9s});
  queue.push({2, "b", 1, kStart, kStart + 3s});
  queue.push({3, "b", 1, kStart, kStart + 5s});
  EXPECT_EQ(queue.newest_of_largest(), std::pair(std::uint64_t{3}, std::size_t{2}));
  EXPECT_EQ(queue.most_urgent().id, 2u);
  queue.remove(2);
  EXPECT_EQ(queue.most_urgent().id, 3u);
  EXPECT_EQ(queue.waiting_of("b"), 1u);
  EXPECT_EQ(queue.waiting_of("x"), 0u);
  EXPECT_EQ(queue.tenants(), 2u);
}

// Ten thousand random schedules of arrivals, service, both orders, and removal:
//   Once    every ticket leaves exactly once, and sums are of those that wait
//   Fair    what two tenants that wait all the while are served differs by at most the largest cost
//   of each
TEST(FairQueueSimulation, HoldsInEveryOrderOfEvents) {
  for (std::uint64_t seed = 0; seed < 10'000; ++seed) {
    Rng rng(seed);
    FairQueue queue;
    std::map<std::uint64_t, std::pair<std::string, double>> waits;
    std::uint64_t last = 0;
    // Two that always wait.
    const auto push = [&](const std::string& tenant) {
      const double cost = 1 + static_cast<double>(rng.below(5));
      queue.push({++last, tenant, cost, kStart, MonotonicTime::max()});
      waits[last] = {tenant, cost};
    };
    for (int i = 0; i < 3; ++i) {
      push("x");
      push("y");
    }
    std::map<std::string, double> served;
    const auto gone = [&](const std::optional<FairQueue::Entry>& entry) {
      ASSERT_TRUE(entry) << seed;
      ASSERT_EQ(waits.erase(entry->id), 1u) << "Once, seed " << seed;
    };
    for (int i = 0; i < 60; ++i) {
      switch (rng.below(4)) {
        case 0: push(std::string(1, static_cast<char>('a' + rng.below(3)))); break;
        case 1: {
          const auto at = waits.lower_bound(rng.below(last) + 1);
          if (at == waits.end() || at->second.first >= "x") break;
          gone(queue.remove(at->first));
          break;
        }
        default: {
          const auto entry = queue.pop(rng.below(2) == 0);
          gone(entry);
          served[entry->tenant] += entry->cost;
          if (entry->tenant >= "x") push(entry->tenant);
          ASSERT_LE(std::abs(served["x"] - served["y"]), 10) << "Fair, seed " << seed;
        }
      }
      double sum = 0;
      for (const auto& [id, ticket] : waits) sum += ticket.second;
      ASSERT_DOUBLE_EQ(queue.cost(), sum) << "Once, seed " << seed;
      ASSERT_EQ(queue.size(), waits.size()) << "Once, seed " << seed;
    }
    while (!queue.empty()) gone(queue.pop(false));
    ASSERT_TRUE(waits.empty()) << "Once, seed " << seed;
    ASSERT_EQ(queue.tenants(), 0u);
  }
}

} // namespace
} // namespace raglan::policy
