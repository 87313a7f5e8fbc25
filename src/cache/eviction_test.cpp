#include "cache/eviction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "base/rng.h"

namespace raglan::cache {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

// A cache of entries of ten bytes that are known by a number.
class Cache {
 public:
  Cache(Eviction eviction, std::size_t capacity)
      : capacity_(capacity), policy_(make_eviction_policy(eviction, 10 * capacity)) {}
  ~Cache() {
    while (!entries_.empty()) evict();
  }

  // Whether it was there; what it put out is in `evicted`.
  bool ask(std::uint64_t number, MonotonicTime expires = {}) {
    if (const auto found = entries_.find(number); found != entries_.end()) {
      policy_->touch(found->second);
      return true;
    }
    if (entries_.size() == capacity_) evict();
    EvictionEntry& entry = entries_[number];
    std::memcpy(entry.key.bytes.data(), &number, sizeof number);
    entry.bytes = 10;
    entry.expires = expires;
    policy_->insert(entry);
    return false;
  }

  void remove(std::uint64_t number) {
    policy_->erase(entries_.at(number));
    entries_.erase(number);
  }

  bool holds(std::uint64_t number) const { return entries_.contains(number); }
  std::vector<std::uint64_t> evicted;

 private:
  void evict() {
    const EvictionEntry& entry = policy_->evict();
    std::uint64_t number = 0;
    std::memcpy(&number, entry.key.bytes.data(), sizeof number);
    evicted.push_back(number);
    entries_.erase(number);
  }

  const std::size_t capacity_;
  std::map<std::uint64_t, EvictionEntry> entries_;
  std::unique_ptr<EvictionPolicy> policy_;
};

// Numbers with a popularity of 1 / rank (Zipf, exponent 1).
class Zipf {
 public:
  explicit Zipf(std::size_t distinct) {
    double sum = 0;
    for (std::size_t rank = 1; rank <= distinct; ++rank) {
      sums_.push_back(sum += 1.0 / static_cast<double>(rank));
    }
  }
  std::uint64_t next() {
    const double at = rng_.uniform() * sums_.back();
    return static_cast<std::uint64_t>(std::ranges::upper_bound(sums_, at) - sums_.begin());
  }

 private:
  std::vector<double> sums_;
  Rng rng_{11};
};

double hit_ratio(Eviction eviction, std::size_t capacity, const std::vector<std::uint64_t>& trace) {
  Cache cache(eviction, capacity);
  std::size_t hits = 0;
  for (const std::uint64_t number : trace) hits += cache.ask(number);
  return static_cast<double>(hits) / static_cast<double>(trace.size());
}

TEST(Eviction, LruPutsOutTheOneUnusedTheLongest) {
  Cache cache(Eviction::kLru, 3);
  for (const int number : {1, 2, 3, 1, 4, 5}) cache.ask(number);
  EXPECT_THAT(cache.evicted, ElementsAre(2, 3));
}

TEST(Eviction, LfuPutsOutTheOneAskedForLeastOften) {
  Cache cache(Eviction::kLfu, 3);
  for (const int number : {1, 1, 1, 2, 2, 3, 4, 5}) cache.ask(number);
  EXPECT_THAT(cache.evicted, ElementsAre(3, 4));
}

TEST(Eviction, LfuPutsOutTheOneUnusedTheLongestAmongEquals) {
  Cache cache(Eviction::kLfu, 3);
  for (const int number : {1, 2, 3, 2, 3, 1, 4}) cache.ask(number);
  EXPECT_THAT(cache.evicted, ElementsAre(2));
}

TEST(Eviction, LfuForgetsYesterdaysFavourite) {
  Cache cache(Eviction::kLfu, 2);
  for (int i = 0; i < 1000; ++i) cache.ask(1);
  // Two new favourites take turns; the old one, never asked for again, must leave in the end.
  for (int i = 0; i < 1000 && cache.holds(1); ++i) {
    for (int times = 0; times < 20; ++times) cache.ask(2);
    for (int times = 0; times < 20; ++times) cache.ask(3);
  }
  EXPECT_FALSE(cache.holds(1));
}

TEST(Eviction, TtlPutsOutTheOneThatExpiresFirst) {
  Cache cache(Eviction::kTtl, 3);
  cache.ask(1, MonotonicTime(30s));
  cache.ask(2, MonotonicTime(10s));
  cache.ask(3, MonotonicTime(20s));
  cache.ask(2);
  cache.ask(4, MonotonicTime(5s));
  cache.ask(5, MonotonicTime(40s));
  EXPECT_THAT(cache.evicted, ElementsAre(2, 4));
}

TEST(Eviction, S3FifoDropsWhatWasAskedForOnce) {
  Cache cache(Eviction::kS3Fifo, 10);
  for (std::uint64_t number = 0; number < 5; ++number) {
    for (int times = 0; times < 3; ++times) cache.ask(number); // popular
  }
  for (std::uint64_t number = 100; number < 200; ++number) cache.ask(number); // a scan
  for (std::uint64_t number = 0; number < 5; ++number) EXPECT_TRUE(cache.holds(number)) << number;
}

TEST(Eviction, S3FifoPromotesAtTheSecondRequestInTheSmallQueueAndNotAtTheFirst) {
  Cache cache(Eviction::kS3Fifo, 2);
  for (const int number : {1, 1, 1, 2, 2, 3}) cache.ask(number);
  EXPECT_THAT(cache.evicted, ElementsAre(2)); // 1 was asked for twice after it came, 2 once
}

TEST(Eviction, S3FifoTakesBackWhatItDroppedIntoTheMainQueue) {
  Cache cache(Eviction::kS3Fifo, 10);
  for (std::uint64_t number = 0; number < 11; ++number) cache.ask(number); // puts out 0
  ASSERT_FALSE(cache.holds(0));
  cache.ask(0);
  for (std::uint64_t number = 100; number < 150; ++number) cache.ask(number);
  EXPECT_TRUE(cache.holds(0));
}

TEST(Eviction, WhatLeftByItselfIsNotPutOut) {
  for (const auto eviction : {Eviction::kLru, Eviction::kLfu, Eviction::kTtl, Eviction::kS3Fifo}) {
    Cache cache(eviction, 2);
    cache.ask(1);
    cache.ask(2);
    cache.remove(1);
    cache.ask(3);
    EXPECT_THAT(cache.evicted, ElementsAre());
    cache.ask(4);
    EXPECT_EQ(cache.evicted.size(), 1u);
  }
}

// As a cache does that leaves out the uses that do not matter.
TEST(Eviction, LruWithoutTheUsesThatDoNotMatterKeepsWhatIsInUse) {
  const auto policy = make_eviction_policy(Eviction::kLru, 80);
  std::array<EvictionEntry, 8> entries;
  for (EvictionEntry& entry : entries) policy->insert(entry);
  EXPECT_EQ(policy->touch_interval(entries[7]), 0u);
  EXPECT_EQ(policy->touch_interval(entries[6]), 0u);
  EXPECT_EQ(policy->touch_interval(entries[5]), 1u);
  EXPECT_EQ(policy->touch_interval(entries[0]), 1u);
  policy->touch(entries[0]);
  EXPECT_EQ(policy->touch_interval(entries[0]), 0u);
  EXPECT_EQ(&policy->evict(), &entries[1]);
  for (const int left : {0, 2, 3, 4, 5, 6, 7}) policy->erase(entries[left]);
}

TEST(Eviction, LfuIsToldOfEachUseOfTheSeldomUsedAndOfFewOfAFavourites) {
  const auto policy = make_eviction_policy(Eviction::kLfu, 1'000);
  std::array<EvictionEntry, 20> entries; // so many that nothing is halved here
  for (EvictionEntry& entry : entries) policy->insert(entry);
  EvictionEntry& favourite = entries[0];
  for (int uses = 1; uses < 8; ++uses) {
    EXPECT_EQ(policy->touch_interval(favourite), 1u) << uses;
    policy->touch(favourite);
  }
  int told = 0;
  for (; policy->touch_interval(favourite) == 8; ++told) policy->touch(favourite, 8);
  EXPECT_EQ(told, 7) << "8 and 7 times 8 are 64: beyond 63 no use counts";
  EXPECT_EQ(policy->touch_interval(favourite), 0u);
  for (EvictionEntry& entry : entries) policy->erase(entry);
}

TEST(Eviction, LruAgreesWithItsDefinitionOnARandomTrace) {
  Zipf zipf(200);
  Cache cache(Eviction::kLru, 50);
  std::deque<std::uint64_t> order; // most recently used first
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t number = zipf.next();
    const auto found = std::ranges::find(order, number);
    const bool expected = found != order.end();
    if (expected) order.erase(found);
    order.push_front(number);
    if (order.size() > 50) order.pop_back();
    ASSERT_EQ(cache.ask(number), expected) << i;
  }
}

TEST(Eviction, S3FifoBeatsLruOnZipfAndMoreSoAfterAScan) {
  Zipf zipf(10'000);
  std::vector<std::uint64_t> trace;
  for (int i = 0; i < 200'000; ++i) trace.push_back(zipf.next());
  const double lru = hit_ratio(Eviction::kLru, 1000, trace);
  const double s3_fifo = hit_ratio(Eviction::kS3Fifo, 1000, trace);
  EXPECT_GT(s3_fifo, lru + 0.03);
  std::vector<std::uint64_t> polluted;
  std::uint64_t passer_by = 1'000'000;
  for (const std::uint64_t number : trace) {
    polluted.push_back(number);
    polluted.push_back(passer_by++);
  }
  EXPECT_GT(hit_ratio(Eviction::kS3Fifo, 1000, polluted),
            hit_ratio(Eviction::kLru, 1000, polluted) + 0.04);
}

} // namespace
} // namespace raglan::cache
