// Affinity in front of hosts with caches: what it finds in them, how even it is, what moves.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <list>
#include <unordered_map>

#include "policy/load_balancing.h"
#include "policy/rendezvous.h"

namespace raglan::policy {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kHosts = 8;
constexpr std::size_t kQueries = 10'000;
constexpr std::size_t kCacheEntries = kQueries / 10; // of each host
constexpr double kRequestsPerSecond = 1'000;
constexpr int kWarmUp = 100'000;
constexpr int kMeasured = 200'000;

// Which query is asked: the n-th most frequent one 1/n times as often as the first.
class Zipf {
 public:
  Zipf() {
    double sum = 0;
    for (std::size_t n = 1; n <= kQueries; ++n) up_to_.push_back(sum += 1 / static_cast<double>(n));
  }
  std::size_t draw(Rng& rng) const {
    const auto at = std::ranges::lower_bound(up_to_, rng.uniform() * up_to_.back());
    return static_cast<std::size_t>(at - up_to_.begin());
  }

 private:
  std::vector<double> up_to_;
};

class LruCache {
 public:
  explicit LruCache(std::size_t capacity) : capacity_(capacity) {}
  // Whether it was there. Then it is, in any case.
  bool get(std::size_t query) {
    if (const auto at = places_.find(query); at != places_.end()) {
      order_.splice(order_.begin(), order_, at->second);
      return true;
    }
    if (order_.size() == capacity_) {
      places_.erase(order_.back());
      order_.pop_back();
    }
    order_.push_front(query);
    places_[query] = order_.begin();
    return false;
  }

 private:
  std::size_t capacity_;
  std::list<std::size_t> order_; // the last used first
  std::unordered_map<std::size_t, std::list<std::size_t>::iterator> places_;
};

class Fleet {
 public:
  Fleet(Strategy strategy, std::uint64_t seed)
      : seed_(seed),
        strategy_(make_strategy(strategy)),
        hosts_(kHosts),
        caches_(kHosts, LruCache(kCacheEntries)),
        rng_(seed) {
    for (std::size_t i = 0; i < kHosts; ++i) {
      hosts_[i].id = mixed_bits(seed * kHosts + i + 1);
      hosts_[i].latency = 10ms;
    }
  }

  struct Result {
    double hit_ratio = 0;
    double largest_of_mean = 0;      // the largest load of a host, in parts of the mean
    std::vector<std::size_t> owners; // of each query: who was asked for it most often; kHosts: none
  };

  Result run() {
    for (int i = 0; i < kWarmUp; ++i) ask();
    std::vector<std::array<int, kHosts>> asked(kQueries);
    std::array<double, kHosts> loads{};
    Result result;
    for (int i = 0; i < kMeasured; ++i) {
      const Answer answer = ask();
      result.hit_ratio += answer.hit ? 1.0 / kMeasured : 0;
      loads[answer.host] += 1.0 / kMeasured;
      ++asked[answer.query][answer.host];
    }
    const auto hosts = static_cast<double>(std::ranges::count(hosts_, true, &HostLoad::eligible));
    result.largest_of_mean = *std::ranges::max_element(loads) * hosts;
    for (const auto& of_query : asked) {
      const auto most = std::ranges::max_element(of_query);
      const auto place = static_cast<std::size_t>(most - of_query.begin());
      result.owners.push_back(*most == 0 ? kHosts : place);
    }
    return result;
  }

  void leave(std::size_t host) { hosts_[host].eligible = false; }

 private:
  struct Answer {
    std::size_t query;
    std::size_t host;
    bool hit;
  };

  Answer ask() {
    now_ += std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>(-std::log(1 - rng_.uniform()) / kRequestsPerSecond));
    const std::size_t query = zipf_.draw(rng_);
    const RequestKey key{.client = rng_(), .content = mixed_bits(seed_ * kQueries + query)};
    const std::size_t host = *strategy_->choose(hosts_, key, now_, rng_);
    return {query, host, caches_[host].get(query)};
  }

  std::uint64_t seed_;
  Zipf zipf_;
  std::unique_ptr<BalancingStrategy> strategy_;
  std::vector<HostLoad> hosts_;
  std::vector<LruCache> caches_;
  Rng rng_;
  MonotonicTime now_{1h};
};

double hit_ratio_of_one_cache(std::uint64_t seed) {
  const Zipf zipf;
  LruCache cache(kHosts * kCacheEntries);
  Rng rng(seed);
  for (int i = 0; i < kWarmUp; ++i) cache.get(zipf.draw(rng));
  int hits = 0;
  for (int i = 0; i < kMeasured; ++i) hits += cache.get(zipf.draw(rng)) ? 1 : 0;
  return static_cast<double>(hits) / kMeasured;
}

// Of the queries that were asked before and after, the share that another host has now.
double moved(const std::vector<std::size_t>& before, const std::vector<std::size_t>& after) {
  double known = 0;
  double moved = 0;
  for (std::size_t query = 0; query < kQueries; ++query) {
    if (before[query] == kHosts || after[query] == kHosts) continue;
    ++known;
    if (before[query] != after[query]) ++moved;
  }
  return moved / known;
}

TEST(AffinitySimulation, EightCachesAreNearlyAsGoodAsOneAndTheHostsEvenlyLoaded) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const auto affinity = Fleet(Strategy::kAffinity, seed).run();
    const auto round_robin = Fleet(Strategy::kRoundRobin, seed).run();
    const double one = hit_ratio_of_one_cache(seed);
    std::printf("  hit ratio %.4f (one cache %.4f, round robin %.4f), largest load %.3f x mean\n",
                affinity.hit_ratio, one, round_robin.hit_ratio, affinity.largest_of_mean);
    EXPECT_GE(affinity.hit_ratio, 0.95 * one);
    EXPECT_GE(affinity.hit_ratio, 1.3 * round_robin.hit_ratio);
    EXPECT_LE(affinity.largest_of_mean, 1.25);
  }
}

TEST(AffinitySimulation, AHostThatLeavesMovesLittleMoreThanItsOwnKeys) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Fleet fleet(Strategy::kAffinity, seed);
    const auto before = fleet.run();
    fleet.leave(seed);
    const auto after = fleet.run();
    const double share = moved(before.owners, after.owners);
    std::printf("  moved %.4f (1/N is %.4f), largest load then %.3f x mean\n", share, 1.0 / kHosts,
                after.largest_of_mean);
    EXPECT_LE(share, 1.3 / kHosts);
    EXPECT_LE(after.largest_of_mean, 1.25);
  }
}

} // namespace
} // namespace raglan::policy
