#include "node/cache_purge.h"

#include <utility>

#include "base/log.h"
#include "rag/query_key.h"

namespace raglan::node {
namespace {

constexpr std::chrono::seconds kDeletedTimeout{30};

} // namespace

net::Task<Result<std::size_t>> purge_cache(CachePurgeParts parts, cache::PurgeMessage purge,
                                           Deadline deadline) {
  auto here = [&pipeline = parts.pipeline, purge]() -> Result<std::size_t> {
    return pipeline.purge_local(purge);
  };
  auto removed = co_await net::offload(parts.storage, std::move(here), deadline, parts.clock);
  if (!removed) co_return removed;
  auto there = co_await parts.pipeline.purge_shared(std::move(purge), deadline);
  if (!there) co_return forward_error(there);
  co_return *removed + *there;
}

net::Task<void> purge_deleted(CachePurgeParts parts, store::CollectionKey collection) {
  const Deadline deadline = Deadline::after(kDeletedTimeout, parts.clock.now());
  for (const std::string_view cache : {rag::AnswerCache::kName, rag::RetrievalStage::kName}) {
    cache::PurgeMessage purge{std::string(cache), {.scope = rag::scope_of(collection)}};
    const auto removed = co_await purge_cache(parts, std::move(purge), deadline);
    if (removed) continue;
    log_warning("entries of a deleted collection remain in a cache",
                {{"cache", cache}, {"code", error_code_name(removed.error().code)}});
  }
}

} // namespace raglan::node
