#include "cache/local_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace raglan::cache {
namespace {

using namespace std::chrono_literals;
using Cache = LocalCache<std::string>;

constexpr MonotonicTime kStart{1h};

Hash128 key(std::uint8_t id, std::uint8_t shard = 0) {
  Hash128 key;
  key.bytes.front() = id;
  key.bytes.back() = shard;
  return key;
}

std::shared_ptr<const std::string> text(std::string value) {
  return std::make_shared<const std::string>(std::move(value));
}

TEST(LocalCache, ReturnsWhatWasInserted) {
  Cache cache({});
  EXPECT_EQ(cache.find(key(1), kStart), nullptr);
  cache.insert(key(1), text("a"), 1, kStart);
  ASSERT_NE(cache.find(key(1), kStart), nullptr);
  EXPECT_EQ(*cache.find(key(1), kStart), "a");
  EXPECT_EQ(cache.find(key(2), kStart), nullptr);
}

TEST(LocalCache, ExpiresExactlyAtItsTtl) {
  Cache cache({.ttl = 10s});
  cache.insert(key(1), text("a"), 1, kStart);
  EXPECT_NE(cache.find(key(1), kStart + 10s - 1ns), nullptr);
  EXPECT_EQ(cache.find(key(1), kStart + 10s), nullptr);
  EXPECT_EQ(cache.stats().entries, 0u);
  EXPECT_EQ(cache.stats().bytes, 0u);
}

TEST(LocalCache, InItsGraceAnEntryIsSeenOnlyByThoseWhoMayServeItStale) {
  Cache cache({.ttl = 10s}, 5s);
  cache.insert(key(1), text("a"), 1, kStart, {.cost = 3s});
  EXPECT_EQ(cache.find(key(1), kStart + 10s), nullptr);
  const auto stale = cache.look_up(key(1), kStart + 15s - 1ns, {});
  ASSERT_NE(stale.value, nullptr);
  EXPECT_EQ(stale.stored, kStart);
  EXPECT_EQ(stale.expires, kStart + 10s);
  EXPECT_EQ(stale.cost, 3s);
  EXPECT_EQ(cache.look_up(key(1), kStart + 15s, {}).value, nullptr);
  EXPECT_EQ(cache.stats().entries, 0u);
}

TEST(LocalCache, UsesThatThePolicyHasNotHeardOfCountWhenItDecides) {
  constexpr std::size_t kCost = 100 + Cache::kEntryOverheadBytes;
  Cache cache({.max_bytes = 2 * kCost, .eviction = Eviction::kLfu});
  cache.insert(key(1), text("a"), 100, kStart);
  cache.insert(key(2), text("b"), 100, kStart);
  for (int i = 0; i < 3; ++i) cache.find(key(1), kStart);
  cache.insert(key(3), text("c"), 100, kStart);
  EXPECT_NE(cache.find(key(1), kStart), nullptr);
  EXPECT_EQ(cache.find(key(2), kStart), nullptr);
}

TEST(LocalCache, ManyThreadsReadWhileOthersPutOutWhatTheyRead) {
  for (const auto eviction : {Eviction::kLru, Eviction::kLfu, Eviction::kTtl, Eviction::kS3Fifo}) {
    Cache cache({.max_bytes = 20 * (100 + Cache::kEntryOverheadBytes), .eviction = eviction});
    std::atomic<std::size_t> found = 0;
    {
      std::vector<std::jthread> threads;
      threads.reserve(3);
      for (std::size_t thread = 0; thread < 3; ++thread) {
        threads.emplace_back([&, thread] {
          for (std::size_t i = 0; i < 3000; ++i) {
            const auto id = static_cast<std::uint8_t>(i * (thread + 1) % 40);
            if (const auto value = cache.find(key(id), kStart)) {
              EXPECT_EQ(*value, std::to_string(id));
              ++found;
            } else {
              cache.insert(key(id), text(std::to_string(id)), 100, kStart);
            }
          }
        });
      }
    }
    const auto stats = cache.stats();
    EXPECT_EQ(stats.hits, found.load());
    EXPECT_EQ(stats.hits + stats.misses, 9000u);
    EXPECT_EQ(stats.entries, 20u);
  }
}

TEST(LocalCache, APeekIsNeitherCountedNorAUse) {
  constexpr std::size_t kCost = 100 + Cache::kEntryOverheadBytes;
  Cache cache({.max_bytes = 2 * kCost, .eviction = Eviction::kLru});
  cache.insert(key(1), text("a"), 100, kStart);
  cache.insert(key(2), text("b"), 100, kStart);
  EXPECT_EQ(*cache.peek(key(1), kStart).value, "a");
  EXPECT_EQ(cache.peek(key(3), kStart).value, nullptr);
  EXPECT_EQ(cache.stats().hits + cache.stats().misses, 0u);
  cache.insert(key(3), text("c"), 100, kStart);
  EXPECT_EQ(cache.peek(key(1), kStart).value, nullptr); // 1 was still the least recently used
}

TEST(LocalCache, WhatIsTooOldToServeIsFoundAndCountedAsAMiss) {
  Cache cache({.ttl = 10s}, /*grace=*/60s);
  cache.insert(key(1), text("a"), 1, kStart, {.cost = 1s, .calls = 2});
  EXPECT_EQ(*cache.look_up(key(1), kStart + 15s - 1ns, 5s).value, "a");
  EXPECT_EQ(cache.stats().hits, 1u);
  EXPECT_EQ(*cache.look_up(key(1), kStart + 15s, 5s).value, "a");
  EXPECT_EQ(cache.find(key(1), kStart + 10s), nullptr);
  const LocalCacheStats stats = cache.stats();
  EXPECT_EQ(stats.hits, 1u);
  EXPECT_EQ(stats.misses, 2u);
  EXPECT_EQ(stats.saved, Duration(1s));
  EXPECT_EQ(stats.saved_calls, 2u);
}

TEST(LocalCache, ErasesATenantsEntries) {
  Cache cache({});
  for (std::uint8_t id = 0; id < 6; ++id) {
    cache.insert(key(id, id), text("a"), 1, kStart, {.scope = Scope{id / 4u} << 32 | id});
  }
  EXPECT_EQ(cache.purge({.tenant = 2}), 0u);
  EXPECT_EQ(cache.purge({.tenant = 1}), 2u);
  EXPECT_EQ(cache.purge({.scope = 3, .tenant = 1}), 0u);
  EXPECT_EQ(cache.purge({.tenant = 0}), 4u);
}

TEST(LocalCache, ErasesOneEntryAScopeOrAll) {
  Cache cache({});
  for (std::uint8_t id = 0; id < 6; ++id) {
    cache.insert(key(id, id), text("a"), 1, kStart, {.scope = id % 2u});
  }
  EXPECT_EQ(cache.purge({.key = key(0, 0), .scope = 1}), 0u); // it is another scope's
  EXPECT_EQ(cache.purge({.key = key(0, 0)}), 1u);
  EXPECT_EQ(cache.purge({.key = key(0, 0)}), 0u);
  EXPECT_EQ(cache.purge({.scope = 1}), 3u);
  EXPECT_EQ(cache.find(key(1, 1), kStart), nullptr);
  EXPECT_NE(cache.find(key(2, 2), kStart), nullptr);
  EXPECT_EQ(cache.purge({}), 2u);
  EXPECT_EQ(cache.stats().entries, 0u);
  EXPECT_EQ(cache.stats().bytes, 0u);
}

TEST(LocalCache, ZeroTtlNeverExpires) {
  Cache cache({.ttl = 0ms});
  cache.insert(key(1), text("a"), 1, kStart);
  EXPECT_NE(cache.find(key(1), kStart + 100000h), nullptr);
}

TEST(LocalCache, EvictsTheLeastRecentlyUsedWhenAShardIsFull) {
  constexpr std::size_t kCost = 100 + Cache::kEntryOverheadBytes;
  Cache cache({.max_bytes = 2 * kCost, .eviction = Eviction::kLru});
  cache.insert(key(1), text("a"), 100, kStart);
  cache.insert(key(2), text("b"), 100, kStart);
  EXPECT_EQ(cache.stats().evictions, 0u);
  ASSERT_NE(cache.find(key(1), kStart), nullptr); // 2 is now the older
  cache.insert(key(3), text("c"), 100, kStart);
  EXPECT_NE(cache.find(key(1), kStart), nullptr);
  EXPECT_EQ(cache.find(key(2), kStart), nullptr);
  EXPECT_NE(cache.find(key(3), kStart), nullptr);
  EXPECT_EQ(cache.stats().evictions, 1u);
  EXPECT_EQ(cache.stats().bytes, 2 * kCost);
}

TEST(LocalCache, RefusesAnEntryLargerThanAShard) {
  Cache cache({.max_bytes = 1000});
  cache.insert(key(1), text("a"), 1000 - Cache::kEntryOverheadBytes, kStart);
  EXPECT_NE(cache.find(key(1), kStart), nullptr);
  cache.insert(key(2), text("b"), 1000 - Cache::kEntryOverheadBytes + 1, kStart);
  EXPECT_EQ(cache.find(key(2), kStart), nullptr);
  EXPECT_NE(cache.find(key(1), kStart), nullptr);
}

TEST(LocalCache, ReplacingAnEntryDoesNotLeakItsBytes) {
  Cache cache({});
  cache.insert(key(1), text("a"), 500, kStart);
  cache.insert(key(1), text("b"), 100, kStart);
  EXPECT_EQ(*cache.find(key(1), kStart), "b");
  EXPECT_EQ(cache.stats().bytes, 100 + Cache::kEntryOverheadBytes);
  EXPECT_EQ(cache.stats().entries, 1u);
}

TEST(LocalCache, DisabledStoresNothing) {
  Cache cache({.enabled = false});
  cache.insert(key(1), text("a"), 1, kStart);
  EXPECT_EQ(cache.find(key(1), kStart), nullptr);
}

TEST(LocalCache, AReaderKeepsItsValueWhenItIsEvicted) {
  Cache cache({.max_bytes = 500});
  cache.insert(key(1), text("kept"), 100, kStart);
  const auto held = cache.find(key(1), kStart);
  cache.insert(key(2), text("b"), 100, kStart);
  EXPECT_EQ(cache.find(key(1), kStart), nullptr);
  EXPECT_EQ(*held, "kept");
}

TEST(LocalCache, HasFewerShardsTheSmallerItIs) {
  EXPECT_EQ(Cache::shards_for(0), 1u);
  EXPECT_EQ(Cache::shards_for(2 * Cache::kMinShardBytes - 1), 1u);
  EXPECT_EQ(Cache::shards_for(2 * Cache::kMinShardBytes), 2u);
  EXPECT_EQ(Cache::shards_for(7 * Cache::kMinShardBytes), 4u);
  EXPECT_EQ(Cache::shards_for(LocalCacheConfig().max_bytes), Cache::kMaxShards);
  EXPECT_EQ(Cache::shards_for(std::size_t{1} << 40), Cache::kMaxShards);
}

TEST(LocalCache, ASmallCacheTakesWhatALargeOneHasNoShardFor) {
  constexpr std::size_t kBytes = Cache::kMinShardBytes - Cache::kEntryOverheadBytes;
  Cache small({.max_bytes = Cache::kMinShardBytes});
  small.insert(key(1, 7), text("a"), kBytes, kStart);
  EXPECT_NE(small.find(key(1, 7), kStart), nullptr);
  Cache large({.max_bytes = 4 * Cache::kMinShardBytes});
  large.insert(key(1, 7), text("a"), kBytes + 1, kStart);
  EXPECT_EQ(large.find(key(1, 7), kStart), nullptr);
}

TEST(LocalCache, StaysWithinItsBytesUnderConcurrentUse) {
  constexpr std::size_t kMaxBytes = 4 * Cache::kMinShardBytes;
  constexpr std::size_t kEntryBytes = 32 << 10;
  Cache cache({.max_bytes = kMaxBytes});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 5000; ++i) {
        const Hash128 k = hash128(std::to_string((i * 7 + t) % 500));
        if (const auto found = cache.find(k, kStart)) {
          ASSERT_EQ(*found, k.hex());
        } else {
          cache.insert(k, text(k.hex()), kEntryBytes, kStart);
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_LE(cache.stats().bytes, kMaxBytes);
  EXPECT_GT(cache.stats().entries, 0u);
}

} // namespace
} // namespace raglan::cache
