// The query cache: whole answers, in this process and then in Redis, and how fresh they are.
//
// What is degraded is not for it. A key carries the generation (rag/query_key.h), so that nothing
// here can be older than the last write; freshness is about time alone, for what changes without a
// write (policy/freshness.h).
//
// Thread safety: any event loop, concurrently. Clock and Redis client must outlive it.
#pragma once

#include <memory>
#include <optional>

#include "base/clock.h"
#include "cache/tiered_cache.h"
#include "policy/freshness.h"
#include "rag/answer_codec.h"
#include "rag/query.h"

namespace raglan::rag {

// What computing an answer took.
struct AnswerCost {
  Duration elapsed{};
  std::uint32_t calls = 0; // of models, and searches
};

class AnswerCache {
 public:
  static constexpr std::string_view kName = "query";
  using Tiers = cache::TieredCache<Answer, AnswerCodec>;
  using Claim = Tiers::Claim;

  struct Found {
    std::shared_ptr<const Answer> answer; // null with kExpired
    policy::Freshness freshness = policy::Freshness::kExpired;
    MonotonicTime expires{};
  };

  AnswerCache(cache::LocalCacheConfig config, policy::FreshnessConfig freshness,
              redis::Client* redis, const Clock& clock)
      : freshness_(freshness),
        clock_(clock),
        tiers_(config, std::string(kName), freshness.grace(), redis, clock) {}

  // In this process. One that may only be served on an error counts as a miss.
  Found find(const Hash128& key);
  // The same, without being counted, or counting as a use.
  Found peek(const Hash128& key);
  // In Redis. `failed`: it could not say.
  net::Task<Found> find_shared(Hash128 key, const store::CollectionKey& collection,
                               Deadline deadline, bool& failed);

  // Leave to compute an answer that was not found.
  struct Turn {
    Claim claim;               // of all nodes, where there is Redis and it answered
    bool redis_failed = false; // a moment ago: it is not worth asking again
  };
  struct FoundOrTurn {
    Found found; // an answer that may be served, or else
    Turn turn;
  };
  // For whoever did not find it: looks here once more, since another loop may have kept it
  // meanwhile, then in Redis; while another node computes it, waits for that, but not for more than
  // half of the time until the deadline, nor for background work unless this is, nor at all unless
  // `options` allow it. What Redis has of use on an error only is in this process afterwards.
  net::Task<FoundOrTurn> find_or_claim(Hash128 key, const store::CollectionKey& collection,
                                       Deadline deadline, Tiers::ClaimOptions options);
  // For a refresh of what expires at `known`. Nothing when there is nothing to compute: another
  // node has, or is about to.
  net::Task<std::optional<Turn>> claim_refresh(Hash128 key, const store::CollectionKey& collection,
                                               MonotonicTime known, Deadline deadline);

  // An answer computed just now: whether it is kept.
  bool insert(const boost::asio::any_io_executor& loop, const Hash128& key,
              const store::CollectionKey& collection, std::shared_ptr<const Answer> answer,
              const AnswerCost& cost, Claim claim);

  Tiers& tiers() { return tiers_; }

 private:
  Found judge(Tiers::Found entry, MonotonicTime now);
  static Turn turn_of(Tiers::Elsewhere elsewhere);

  const policy::FreshnessConfig freshness_;
  const Clock& clock_;
  Tiers tiers_;
};

} // namespace raglan::rag
