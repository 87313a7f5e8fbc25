// A cache in this process: sharded, bounded in bytes, with a TTL and a choice of what makes room
// (cache/eviction.h).
//
// Keys are 128-bit hashes that already carry tenant, collection and generation, so that nothing
// here needs to know about either, and an entry of an older generation is simply never asked for
// again. Values are immutable and shared: a reader keeps its value alive even when it is evicted
// meanwhile.
//
// An entry costs what its owner says plus kEntryOverheadBytes. One that is larger than a shard's
// share is not stored. Thread safe; a shard's lock is held for a map operation and nothing else.
//
//   LocalCache<Reply> cache({.max_bytes = 64 << 20, .ttl = 1h});
//   if (auto reply = cache.find(key, clock.now())) return *reply;
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <unordered_map>
#include <utility>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/hash.h"
#include "cache/eviction.h"
#include "config/table.h"

namespace raglan::cache {

struct LocalCacheConfig {
  bool enabled = true;
  std::size_t max_bytes = 64 << 20;
  std::chrono::milliseconds ttl = std::chrono::hours(1); // zero: entries do not expire
  Eviction eviction = Eviction::kLru;
};

inline void describe(config::Table<LocalCacheConfig>& table) {
  table.field("enabled", &LocalCacheConfig::enabled, "whether anything is kept at all");
  table.bytes("max_bytes", &LocalCacheConfig::max_bytes, "memory for all entries together")
      .min(64 * 1024);
  table.field("ttl", &LocalCacheConfig::ttl, "how long an entry lives; 0s means for ever")
      .max(std::chrono::hours(24 * 365));
  table.choice("eviction", &LocalCacheConfig::eviction, "which entry makes room for a new one",
               {{"lru", Eviction::kLru},
                {"lfu", Eviction::kLfu},
                {"ttl", Eviction::kTtl},
                {"s3-fifo", Eviction::kS3Fifo}});
}

struct LocalCacheStats {
  std::size_t entries = 0;
  std::size_t bytes = 0;
  std::size_t evictions = 0;
  std::size_t hits = 0;
  std::size_t misses = 0; // expired entries among them
};

template <typename Value>
class LocalCache {
 public:
  using ValuePtr = std::shared_ptr<const Value>;
  static constexpr std::size_t kShards = 16;
  static constexpr std::size_t kEntryOverheadBytes = 128;

  explicit LocalCache(LocalCacheConfig config) : config_(config) {
    for (auto& guarded : shards_) {
      guarded.with([&](Shard& shard) {
        shard.policy = make_eviction_policy(config_.eviction, config_.max_bytes / kShards);
      });
    }
  }

  // Null when absent, expired, or the cache is disabled.
  ValuePtr find(const Hash128& key, MonotonicTime now) {
    return shard(key).with([&](Shard& shard) -> ValuePtr {
      const auto found = shard.entries.find(key);
      const bool present = found != shard.entries.end();
      if (!present || now >= found->second.expires) {
        ++shard.misses;
        if (present) shard.erase(found);
        return nullptr;
      }
      ++shard.hits;
      shard.policy->touch(found->second);
      return found->second.value;
    });
  }

  // Replaces an entry of the same key. `value_bytes` is what the value occupies.
  void insert(const Hash128& key, ValuePtr value, std::size_t value_bytes, MonotonicTime now) {
    const std::size_t bytes = value_bytes + kEntryOverheadBytes;
    const std::size_t limit_bytes = config_.max_bytes / kShards;
    if (!config_.enabled || bytes > limit_bytes) return;
    const MonotonicTime expires =
        config_.ttl.count() == 0 ? MonotonicTime::max() : now + config_.ttl;
    shard(key).with([&](Shard& shard) {
      if (const auto old = shard.entries.find(key); old != shard.entries.end()) shard.erase(old);
      while (shard.bytes + bytes > limit_bytes) {
        const EvictionEntry& evicted = shard.policy->evict();
        shard.bytes -= evicted.bytes;
        shard.entries.erase(shard.entries.find(evicted.key));
        ++shard.evictions;
      }
      Entry& entry = shard.entries[key];
      entry.key = key;
      entry.bytes = bytes;
      entry.expires = expires;
      entry.value = std::move(value);
      shard.policy->insert(entry);
      shard.bytes += bytes;
    });
  }

  LocalCacheStats stats() const {
    LocalCacheStats total;
    for (const auto& guarded : shards_) {
      guarded.with([&](const Shard& shard) {
        total.entries += shard.entries.size();
        total.bytes += shard.bytes;
        total.evictions += shard.evictions;
        total.hits += shard.hits;
        total.misses += shard.misses;
      });
    }
    return total;
  }

 private:
  struct Entry : EvictionEntry {
    ValuePtr value;
  };
  struct Shard {
    std::unique_ptr<EvictionPolicy> policy; // of the entries, which outlive it
    std::unordered_map<Hash128, Entry> entries;
    std::size_t bytes = 0;
    std::size_t evictions = 0;
    std::size_t hits = 0;
    std::size_t misses = 0;

    ~Shard() {
      for (auto& [key, entry] : entries) policy->erase(entry);
    }
    void erase(typename decltype(entries)::iterator at) {
      bytes -= at->second.bytes;
      policy->erase(at->second);
      entries.erase(at);
    }
  };

  // The last byte picks the shard, the first eight the bucket, so that the two are independent.
  Guarded<Shard>& shard(const Hash128& key) { return shards_[key.bytes.back() % kShards]; }

  LocalCacheConfig config_;
  std::array<Guarded<Shard>, kShards> shards_;
};

} // namespace raglan::cache
