// A cache in this process: sharded, bounded in bytes, with a TTL and a choice of what makes room
// (cache/eviction.h).
//
// Keys are 128-bit hashes that already carry tenant, collection and generation, so that nothing
// here needs to know about either, and an entry of an older generation is simply never asked for
// again. Values are immutable and shared: a reader keeps its value alive even when it is evicted
// meanwhile.
//
// An entry lives for the TTL, and for a `grace` after that in which only `look_up` returns it: for
// whoever may serve it stale (policy/freshness.h).
//
// An entry costs what its owner says plus kEntryOverheadBytes. One that is larger than a shard's
// share is not stored. Each shard evicts for itself, so that shards of a few entries would hit less
// than one cache of as many: a small cache has fewer of them (shards_for).
//
// Thread safe; a shard's lock is held for a map operation and nothing else. Hits on different cores
// write no memory in common (cache/read_guarded.h): the policy hears of them in batches, in any
// case before it decides what goes.
//
//   LocalCache<Reply> cache({.max_bytes = 64 << 20, .ttl = 1h});
//   if (auto reply = cache.find(key, clock.now())) return *reply;
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "cache/eviction.h"
#include "cache/read_guarded.h"
#include "cache/selection.h"
#include "config/table.h"

namespace raglan::cache {

struct LocalCacheConfig {
  bool enabled = true;
  std::size_t max_bytes = 64 << 20;
  std::chrono::milliseconds ttl = std::chrono::hours(1); // zero: entries do not expire
  Eviction eviction = Eviction::kS3Fifo;                 // docs/decisions/0010
};

inline void describe(config::Table<LocalCacheConfig>& table) {
  table.field("enabled", &LocalCacheConfig::enabled, "whether anything is kept at all");
  table.bytes("max_bytes", &LocalCacheConfig::max_bytes, "memory for all entries together")
      .min(64 * 1024);
  table.field("ttl", &LocalCacheConfig::ttl, "how long an entry lives; 0s means for ever")
      .max(std::chrono::hours(24 * 365));
  table.choice("eviction", &LocalCacheConfig::eviction, "which entry makes room for a new one",
               {{eviction_name(Eviction::kLru), Eviction::kLru},
                {eviction_name(Eviction::kLfu), Eviction::kLfu},
                {eviction_name(Eviction::kTtl), Eviction::kTtl},
                {eviction_name(Eviction::kS3Fifo), Eviction::kS3Fifo}});
}

struct LocalCacheStats {
  std::size_t entries = 0;
  std::size_t bytes = 0;
  std::size_t evictions = 0;
  std::size_t hits = 0;
  std::size_t misses = 0; // expired entries among them
  // What the hits had cost to compute, and how old they were, together.
  Duration saved{};
  std::uint64_t saved_calls = 0;
  Duration age{};
};

// What an owner may say about an entry beyond its size.
struct EntryNotes {
  Duration cost{};         // what computing the value took, in time
  std::uint32_t calls = 0; // and in calls of models, searches and the like
  Scope scope = 0;         // that it belongs to
};

template <typename Value>
class LocalCache {
 public:
  using ValuePtr = std::shared_ptr<const Value>;
  static constexpr std::size_t kMaxShards = 16;
  static constexpr std::size_t kMinShardBytes = 1 << 20; // a hundred answers
  // Its node in the map, the value's control block, and the ghost it leaves (cache/s3_fifo.h) or
  // its place in the order of lru.
  static constexpr std::size_t kEntryOverheadBytes = 288;

  // A power of two.
  static constexpr std::size_t shards_for(std::size_t max_bytes) {
    return std::bit_floor(std::clamp(max_bytes / kMinShardBytes, std::size_t{1}, kMaxShards));
  }

  explicit LocalCache(LocalCacheConfig config, Duration grace = {})
      : LocalCache(config, grace, shards_for(config.max_bytes)) {}
  // With as many shards as that: one, where entries may be a good part of the whole.
  LocalCache(LocalCacheConfig config, Duration grace, std::size_t shards)
      : config_(config),
        grace_(grace),
        shards_(shards),
        shard_bytes_(config.max_bytes / shards_.size()) {
    for (auto& guarded : shards_) {
      guarded.write([&](Shard& shard, auto&) {
        shard.policy = make_eviction_policy(config_.eviction, shard_bytes_);
      });
    }
  }

  struct Found {
    ValuePtr value; // null: nothing is there
    MonotonicTime stored{};
    MonotonicTime expires{}; // MonotonicTime::max(): never; in the past within the grace
    Duration cost{};
  };

  // Nothing when absent, past its grace, or the cache is disabled. What expired `useful_for` ago or
  // longer is found, and counted as a miss: it is for whoever fails to make it anew.
  Found look_up(const Hash128& key, MonotonicTime now, Duration useful_for) {
    bool expired = false;
    bool uses_full = false;
    Found found = shard(key).read([&](const Shard& shard, Uses& uses) -> Found {
      const auto at = shard.entries.find(key);
      if (at == shard.entries.end() || now >= at->second.expires) {
        ++uses.misses;
        expired = at != shard.entries.end();
        return {};
      }
      const Entry& entry = at->second;
      Found found{entry.value, entry.stored, expiry_of(entry), entry.cost};
      if (found.expires <= now && now - found.expires >= useful_for) {
        ++uses.misses;
        return found;
      }
      uses_full = uses.note(entry, *shard.policy);
      ++uses.hits;
      uses.saved += entry.cost;
      uses.saved_calls += entry.calls;
      uses.age += now - entry.stored;
      return found;
    });
    if (expired || uses_full) {
      change(shard(key), [&](Shard& shard) {
        const auto at = shard.entries.find(key);
        if (at != shard.entries.end() && now >= at->second.expires) shard.erase(at);
      });
    }
    return found;
  }

  // The same, without being counted, or counting as a use of the entry.
  Found peek(const Hash128& key, MonotonicTime now) const {
    return shard(key).read([&](const Shard& shard, Uses&) -> Found {
      const auto at = shard.entries.find(key);
      if (at == shard.entries.end() || now >= at->second.expires) return {};
      const Entry& entry = at->second;
      return {entry.value, entry.stored, expiry_of(entry), entry.cost};
    });
  }

  // Null also within the grace.
  ValuePtr find(const Hash128& key, MonotonicTime now) {
    Found found = look_up(key, now, {});
    return now < found.expires ? std::move(found.value) : nullptr;
  }

  // Replaces an entry of the same key. `value_bytes` is what the value occupies; it expires the TTL
  // after `stored`. False when it is not kept: too large, or the cache is disabled.
  bool insert(const Hash128& key, ValuePtr value, std::size_t value_bytes, MonotonicTime stored,
              EntryNotes notes = {}) {
    const std::size_t bytes = value_bytes + kEntryOverheadBytes;
    if (!config_.enabled || bytes > shard_bytes_) return false;
    ValuePtr replaced; // it goes when the lock is free again
    change(shard(key), [&](Shard& shard) {
      if (const auto old = shard.entries.find(key); old != shard.entries.end()) {
        replaced = std::move(old->second.value);
        shard.erase(old);
      }
      while (shard.bytes + bytes > shard_bytes_) {
        const EvictionEntry& evicted = shard.policy->evict();
        shard.bytes -= evicted.bytes;
        shard.entries.erase(shard.entries.find(evicted.key));
        ++shard.evictions;
      }
      Entry& entry = shard.entries[key];
      entry.key = key;
      entry.bytes = bytes;
      entry.expires =
          config_.ttl.count() == 0 ? MonotonicTime::max() : stored + config_.ttl + grace_;
      entry.value = std::move(value);
      entry.stored = stored;
      entry.cost = notes.cost;
      entry.calls = notes.calls;
      entry.scope = notes.scope;
      shard.policy->insert(entry);
      shard.bytes += bytes;
    });
    return true;
  }

  // Removes entries: how many there were. Looks at each, a shard at a time: for operators, and for
  // an executor, since 100,000 entries take some milliseconds.
  std::size_t purge(const Selection& selection) {
    ++purges_;
    std::size_t erased = 0;
    for (auto& guarded : shards_) {
      change(guarded, [&](Shard& shard) {
        for (auto at = shard.entries.begin(); at != shard.entries.end();) {
          const bool goes = selection.fits(at->first, at->second.scope);
          erased += goes ? 1 : 0;
          at = goes ? shard.erase(at) : std::next(at);
        }
      });
    }
    return erased;
  }

  // How many there were: what was begun before one is not to be kept after it.
  std::uint64_t purges() const { return purges_; }

  const LocalCacheConfig& config() const { return config_; }

  LocalCacheStats stats() const {
    LocalCacheStats total;
    for (const auto& guarded : shards_) {
      guarded.look_at_all([&](const Shard& shard, const auto& stripes) {
        total.entries += shard.entries.size();
        total.bytes += shard.bytes;
        total.evictions += shard.evictions;
        for (const auto& stripe : stripes) stripe.local.add_to(total);
      });
    }
    return total;
  }

 private:
  struct Entry : EvictionEntry { // `expires` is the end of the grace
    ValuePtr value;
    MonotonicTime stored{};
    Duration cost{};
    std::uint32_t calls = 0;
    Scope scope = 0;
  };
  struct Shard {
    std::unique_ptr<EvictionPolicy> policy; // of the entries, which outlive it
    std::unordered_map<Hash128, Entry> entries;
    std::size_t bytes = 0;
    std::size_t evictions = 0;

    ~Shard() {
      for (auto& [key, entry] : entries) policy->erase(entry);
    }
    auto erase(typename decltype(entries)::iterator at) {
      bytes -= at->second.bytes;
      policy->erase(at->second);
      return entries.erase(at);
    }
  };

  // What the readers of one stripe leave behind: counts, and uses that the policy has yet to hear
  // of.
  struct Uses {
    static constexpr std::size_t kMaxPending = 128;
    std::size_t hits = 0;
    std::size_t misses = 0;
    Duration saved{};
    std::uint64_t saved_calls = 0;
    Duration age{};
    std::uint64_t random = 0;
    std::size_t pending = 0;
    struct Use {
      const Entry* entry;
      std::uint32_t uses; // that it stands for
    };
    std::array<Use, kMaxPending> told_later;

    // Whether it is time to tell the policy. Threads that share a stripe may come between that and
    // the telling; what they then use beyond the limit is not told.
    bool note(const Entry& entry, const EvictionPolicy& policy) {
      const std::uint32_t interval = policy.touch_interval(entry);
      if (interval == 0 || (interval > 1 && !is_chosen(interval))) return false;
      if (pending < kMaxPending) told_later[pending++] = {&entry, interval};
      return pending == kMaxPending;
    }
    // One of so many, at random: whoever asks in a fixed order would meet a counter's rhythm.
    bool is_chosen(std::uint32_t interval) {
      random = random * 6'364'136'223'846'793'005 + 1'442'695'040'888'963'407; // Knuth's MMIX
      return (random >> 33) % interval == 0;
    }
    void tell(EvictionPolicy& policy) {
      for (std::size_t i = 0; i < pending; ++i) {
        policy.touch(const_cast<Entry&>(*told_later[i].entry), told_later[i].uses);
      }
      pending = 0;
    }
    void add_to(LocalCacheStats& total) const {
      total.hits += hits;
      total.misses += misses;
      total.saved += saved;
      total.saved_calls += saved_calls;
      total.age += age;
    }
  };
  using GuardedShard = ReadGuarded<Shard, Uses>;

  // The policy first hears of all uses: it decides as if it had seen each at once, and no entry
  // leaves of which a use is pending.
  template <typename F>
  static void change(GuardedShard& guarded, F&& function) {
    guarded.write([&](Shard& shard, auto& stripes) {
      for (auto& stripe : stripes) stripe.local.tell(*shard.policy);
      function(shard);
    });
  }

  MonotonicTime expiry_of(const Entry& entry) const {
    return entry.expires == MonotonicTime::max() ? entry.expires : entry.expires - grace_;
  }

  // The last byte picks the shard, the first eight the bucket, so that the two are independent.
  GuardedShard& shard(const Hash128& key) { return shards_[key.bytes.back() % shards_.size()]; }
  const GuardedShard& shard(const Hash128& key) const {
    return shards_[key.bytes.back() % shards_.size()];
  }

  LocalCacheConfig config_;
  Duration grace_;
  std::vector<GuardedShard> shards_;
  std::size_t shard_bytes_;
  std::atomic<std::uint64_t> purges_ = 0;
};

} // namespace raglan::cache
