#include "rag/answer_cache.h"

#include <utility>

#include "rag/query_key.h"
#include "rag/retrieval.h"

namespace raglan::rag {
namespace {

std::size_t answer_bytes(const Answer& answer) {
  return sizeof(Answer) + (answer.text ? answer.text->size() : 0) + source_bytes(answer.sources);
}

} // namespace

AnswerCache::Found AnswerCache::find(const Hash128& key, MonotonicTime now) {
  auto entry = entries_.look_up(key, now);
  if (!entry.value) return {};
  const auto freshness = rng_.with([&](Rng& rng) {
    return policy::judge_freshness(freshness_, entry.expires, entry.cost, now, rng);
  });
  if (freshness == policy::Freshness::kExpired) return {};
  return {std::move(entry.value), freshness};
}

void AnswerCache::insert(const Hash128& key, const store::CollectionKey& collection,
                         std::shared_ptr<const Answer> answer, const AnswerCost& cost,
                         MonotonicTime now) {
  const std::size_t bytes = answer_bytes(*answer);
  entries_.insert(key, std::move(answer), bytes, now,
                  {.cost = cost.elapsed, .calls = cost.calls, .scope = scope_of(collection)});
}

} // namespace raglan::rag
