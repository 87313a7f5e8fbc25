#include "loadtest/cache_trial.h"

#include <string>

#include <gtest/gtest.h>

#include "loadtest/zipf.h"

namespace raglan::loadtest {
namespace {

constexpr std::size_t kEntryBytes = 1'000;

std::vector<CachedThing> things(std::size_t count) {
  std::vector<CachedThing> all;
  while (all.size() < count) all.push_back({hash128(std::to_string(all.size())), kEntryBytes});
  return all;
}

TEST(CacheTrial, WithRoomForAllOnlyTheFirstRequestMisses) {
  const std::vector<std::size_t> trace = {0, 1, 0, 1, 0, 2, 2, 0};
  const CacheTrial roomy{.max_bytes = 16 * 64 * kEntryBytes};
  EXPECT_DOUBLE_EQ(hit_ratio(things(3), trace, roomy), 5.0 / 8);
  EXPECT_DOUBLE_EQ(hit_ratio(things(3), trace, {.max_bytes = roomy.max_bytes, .uncounted = 6}), 1);
}

TEST(CacheTrial, NoPolicyBeatsThePerfectStaticCache) {
  constexpr std::size_t kThings = 2'000;
  const auto trace = zipf_trace(kThings, 1, 60'000, 1);
  const double bound = ZipfSampler(kThings, 1).share_of_first(kThings / 5);
  for (const auto eviction : {cache::Eviction::kLru, cache::Eviction::kLfu, cache::Eviction::kTtl,
                              cache::Eviction::kS3Fifo}) {
    const double ratio =
        hit_ratio(things(kThings), trace, {eviction, kThings / 5 * kEntryBytes, trace.size() / 4});
    EXPECT_LT(ratio, bound + 0.005) << eviction_name(eviction);
    EXPECT_GT(ratio, 0.6) << eviction_name(eviction);
  }
}

// It would be a half if sixteen shards held a few entries each.
TEST(CacheTrial, ACacheOfAFewDozenEntriesHitsNearlyWhatAPerfectOneWould) {
  constexpr std::size_t kThings = 300;
  constexpr std::size_t kRoom = 60;
  const auto trace = zipf_trace(kThings, 1, 20'000, 1);
  const double bound = ZipfSampler(kThings, 1).share_of_first(kRoom);
  for (const auto eviction :
       {cache::Eviction::kLru, cache::Eviction::kLfu, cache::Eviction::kS3Fifo}) {
    const double ratio = hit_ratio(things(kThings), trace, {eviction, kRoom * kEntryBytes, 1'000});
    EXPECT_GT(ratio, 0.8 * bound) << eviction_name(eviction);
  }
}

} // namespace
} // namespace raglan::loadtest
