// The query cache: whole answers, and how fresh they are.
//
// What is degraded is not for it. A key carries the generation (rag/query_key.h), so that nothing
// here can be older than the last write; freshness is about time alone, for what changes without a
// write (policy/freshness.h).
//
// Thread safety: any thread, concurrently.
#pragma once

#include <memory>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/rng.h"
#include "cache/local_cache.h"
#include "policy/freshness.h"
#include "rag/query.h"

namespace raglan::rag {

// What computing an answer took.
struct AnswerCost {
  Duration elapsed{};
  std::uint32_t calls = 0; // of models, and searches
};

class AnswerCache {
 public:
  struct Found {
    std::shared_ptr<const Answer> answer; // null with kExpired
    policy::Freshness freshness = policy::Freshness::kExpired;
  };

  AnswerCache(cache::LocalCacheConfig config, policy::FreshnessConfig freshness)
      : freshness_(freshness), entries_(config, freshness.grace()) {}

  Found find(const Hash128& key, MonotonicTime now);
  void insert(const Hash128& key, const store::CollectionKey& collection,
              std::shared_ptr<const Answer> answer, const AnswerCost& cost, MonotonicTime now);

  cache::LocalCache<Answer>& entries() { return entries_; }

 private:
  const policy::FreshnessConfig freshness_;
  cache::LocalCache<Answer> entries_;
  Guarded<Rng> rng_{random_seed()};
};

} // namespace raglan::rag
