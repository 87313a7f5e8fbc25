#include "rag/answer_cache.h"

#include <utility>

#include "rag/query_key.h"

namespace raglan::rag {

AnswerCache::Found AnswerCache::judge(Tiers::Found entry) {
  if (!entry.value) return {};
  const MonotonicTime now = clock_.now();
  const auto freshness = rng_.with([&](Rng& rng) {
    return policy::judge_freshness(freshness_, entry.expires, entry.cost, now, rng);
  });
  if (freshness == policy::Freshness::kExpired) return {};
  return {std::move(entry.value), freshness, entry.expires};
}

AnswerCache::Found AnswerCache::find(const Hash128& key) {
  return judge(tiers_.local().look_up(key, clock_.now()));
}

net::Task<AnswerCache::Found> AnswerCache::find_shared(Hash128 key,
                                                       const store::CollectionKey& collection,
                                                       Deadline deadline) {
  co_return judge(co_await tiers_.find_shared(key, scope_of(collection), deadline));
}

net::Task<AnswerCache::Found> AnswerCache::find_or_claim(Hash128 key,
                                                         const store::CollectionKey& collection,
                                                         Deadline deadline, Claim& claim) {
  const MonotonicTime now = clock_.now();
  const Deadline patience =
      deadline.never() ? deadline : Deadline::after(deadline.remaining(now) / 2, now);
  auto elsewhere = co_await tiers_.find_or_claim(
      key, scope_of(collection), now - freshness_.stale_while_revalidate, true, patience, claim);
  co_return judge(std::move(elsewhere.found));
}

net::Task<bool> AnswerCache::claim_refresh(Hash128 key, const store::CollectionKey& collection,
                                           MonotonicTime known, Deadline deadline, Claim& claim) {
  const auto elsewhere =
      co_await tiers_.find_or_claim(key, scope_of(collection), known, false, deadline, claim);
  co_return !elsewhere.found.value && elsewhere.turn != cache::SharedLookup::Claim::kOthers;
}

void AnswerCache::insert(const boost::asio::any_io_executor& loop, const Hash128& key,
                         const store::CollectionKey& collection,
                         std::shared_ptr<const Answer> answer, const AnswerCost& cost,
                         Claim claim) {
  const cache::EntryNotes notes{
      .cost = cost.elapsed, .calls = cost.calls, .scope = scope_of(collection)};
  tiers_.publish(loop, key, std::move(answer), notes, std::move(claim));
}

} // namespace raglan::rag
