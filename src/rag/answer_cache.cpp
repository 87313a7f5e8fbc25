#include "rag/answer_cache.h"

#include <utility>

#include "base/rng.h"
#include "rag/query_key.h"

namespace raglan::rag {

AnswerCache::Found AnswerCache::judge(Tiers::Found entry, MonotonicTime now) {
  if (!entry.value) return {};
  thread_local Rng rng(random_seed());
  const auto freshness = policy::judge_freshness(freshness_, entry.expires, entry.cost, now, rng);
  if (freshness == policy::Freshness::kExpired) return {};
  return {std::move(entry.value), freshness, entry.expires};
}

AnswerCache::Found AnswerCache::find(const Hash128& key) {
  const MonotonicTime now = clock_.now();
  return judge(tiers_.local().look_up(key, now, freshness_.stale_while_revalidate), now);
}

AnswerCache::Found AnswerCache::peek(const Hash128& key) {
  const MonotonicTime now = clock_.now();
  return judge(tiers_.local().peek(key, now), now);
}

net::Task<AnswerCache::Found> AnswerCache::find_shared(Hash128 key,
                                                       const store::CollectionKey& collection,
                                                       Deadline deadline, bool& failed) {
  auto found = co_await tiers_.find_shared(key, scope_of(collection), deadline, failed);
  co_return judge(std::move(found), clock_.now());
}

net::Task<AnswerCache::FoundOrTurn> AnswerCache::find_or_claim(
    Hash128 key, const store::CollectionKey& collection, Deadline deadline,
    Tiers::ClaimOptions options) {
  const MonotonicTime now = clock_.now();
  const auto may_serve = now - freshness_.stale_while_revalidate;
  Tiers::Found here = tiers_.local().peek(key, now);
  if (here.value && here.expires > may_serve) {
    co_return FoundOrTurn{judge(std::move(here), now), {}};
  }
  const Deadline patience =
      deadline.never() ? deadline : Deadline::after(deadline.remaining(now) / 2, now);
  auto elsewhere =
      co_await tiers_.find_or_claim(key, scope_of(collection), may_serve, options, patience);
  co_return FoundOrTurn{judge(std::move(elsewhere.found), clock_.now()),
                        turn_of(std::move(elsewhere))};
}

net::Task<std::optional<AnswerCache::Turn>> AnswerCache::claim_refresh(
    Hash128 key, const store::CollectionKey& collection, MonotonicTime known, Deadline deadline) {
  const Tiers::ClaimOptions options{.wait = false, .background = true};
  auto elsewhere = co_await tiers_.find_or_claim(key, scope_of(collection),
                                                 known + tiers_.same_entry(), options, deadline);
  if (elsewhere.found.value || elsewhere.turn == cache::SharedLookup::Claim::kOthers) {
    co_return std::nullopt;
  }
  co_return turn_of(std::move(elsewhere));
}

AnswerCache::Turn AnswerCache::turn_of(Tiers::Elsewhere elsewhere) {
  const bool failed = elsewhere.turn == cache::SharedLookup::Claim::kNobodys;
  return {.claim = std::move(elsewhere.claim), .redis_failed = failed};
}

bool AnswerCache::insert(const boost::asio::any_io_executor& loop, const Hash128& key,
                         const store::CollectionKey& collection,
                         std::shared_ptr<const Answer> answer, const AnswerCost& cost,
                         Claim claim) {
  const cache::EntryNotes notes{
      .cost = cost.elapsed, .calls = cost.calls, .scope = scope_of(collection)};
  return tiers_.publish(loop, key, std::move(answer), notes, std::move(claim));
}

} // namespace raglan::rag
