// Which entry makes room for a new one: the replacement policies of a cache.
//
//   lru      the one not asked for the longest.
//   lfu      the one asked for least often; among those the one not asked for the longest. Counts
//            from 8 on are estimated from a sample of the uses, end at 63, and are halved now and
//            then, so that yesterday's favourites do not stay for ever.
//   ttl      the one that expires first; being asked for changes nothing.
//   s3-fifo  new entries pass a small queue (a tenth of the bytes) and only those that were asked
//            for again reach the main one, where an entry asked for since it was last looked at
//            gets another round; an entry that comes back soon after the small queue dropped it
//            goes to the main one at once. A scan of many new entries thus displaces none of the
//            popular ones. (Yang, Zhang, Qiu, Yue and Rashmi, "FIFO queues are all you need for
//            cache eviction", SOSP 2023.)
//
// A policy orders entries that a cache owns; it reads no clock and frees nothing. Not thread safe:
// each shard of a cache has its own, behind its lock.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/clock.h"
#include "base/hash.h"

namespace raglan::cache {

enum class Eviction : std::uint8_t { kLru, kLfu, kTtl, kS3Fifo };

// As settings and /admin/cache say it: "s3-fifo".
std::string_view eviction_name(Eviction eviction);

// An entry as its policy sees it; a cache's entries derive from it. Stays where it is in memory
// while it is in a policy. The first three are set before `insert` and stay as they are.
struct EvictionEntry : boost::intrusive::list_base_hook<> {
  Hash128 key;
  std::size_t bytes = 0;
  MonotonicTime expires{};
  // The policy's own.
  std::uint32_t frequency = 0;
  bool in_main = false;
  std::uint64_t used = 0;
  std::uint64_t placed = 0;
};

class EvictionPolicy {
 public:
  virtual ~EvictionPolicy() = default;
  virtual void insert(EvictionEntry& entry) = 0;
  // It was asked for; that stands for so many uses (touch_interval).
  virtual void touch(EvictionEntry& entry, std::uint32_t uses = 1) = 0;
  // Of so many uses of an entry it is enough to tell of one, chosen at random; of zero, none
  // matters now. May be asked by several threads at the same time.
  virtual std::uint32_t touch_interval(const EvictionEntry&) const { return 1; }
  virtual void erase(EvictionEntry& entry) = 0; // it leaves for a reason of its own
  // Takes out the entry that is to make room. There must be one.
  virtual EvictionEntry& evict() = 0;
};

// `max_bytes`: of all entries together; s3-fifo sizes its queues by it.
std::unique_ptr<EvictionPolicy> make_eviction_policy(Eviction eviction, std::size_t max_bytes);

} // namespace raglan::cache
