// Postings that a node has fetched once, and keeps: for a term in a collection its lists by
// segment, as the last search needed them.
//
// What goes by the name of a segment's contents never changes (segments.h), so no list is ever out
// of date; which of them a search needs is what its snapshot says. They are kept for kTtl, so that
// what somebody changes by other means than ours does not stay for good.
//
// A look-up that finds some of a term's lists counts as a hit.
//
// Thread safe.
#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "cache/local_cache.h"
#include "postgres_store/posting_list.h"
#include "store/analyzer.h"

namespace raglan::postgres_store {

// Of one term.
struct SegmentPostings {
  Hash128 segment; // what its contents are called
  std::shared_ptr<const PostingList> list;
};

class PostingsCache {
 public:
  using Lists = std::vector<SegmentPostings>;
  static constexpr std::chrono::hours kTtl{1};

  // 0: nothing is kept. In one piece: a list may be a good part of it.
  explicit PostingsCache(std::size_t max_bytes)
      : lists_({.enabled = max_bytes > 0, .max_bytes = max_bytes, .ttl = kTtl}, {}, 1) {}

  // Null: nothing is kept.
  std::shared_ptr<const Lists> find(std::int64_t collection_id, store::Term term,
                                    MonotonicTime now) {
    return lists_.find(key(collection_id, term), now);
  }
  // Instead of what was kept.
  void keep(std::int64_t collection_id, store::Term term, Lists lists, MonotonicTime now) {
    std::size_t bytes = lists.size() * sizeof(SegmentPostings);
    for (const SegmentPostings& each : lists) bytes += each.list->memory_bytes();
    lists_.insert(key(collection_id, term), std::make_shared<const Lists>(std::move(lists)), bytes,
                  now);
  }

  cache::LocalCacheStats stats() const { return lists_.stats(); }

 private:
  static Hash128 key(std::int64_t collection_id, store::Term term) {
    const std::array halves{term, static_cast<std::uint64_t>(collection_id)};
    return {std::bit_cast<decltype(Hash128::bytes)>(halves)};
  }

  cache::LocalCache<Lists> lists_;
};

} // namespace raglan::postgres_store
