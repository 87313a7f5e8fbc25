#include "node/cache_purge.h"

#include <utility>

#include "base/log.h"
#include "net/detach.h"
#include "rag/query_key.h"

namespace raglan::node {
namespace {

constexpr std::chrono::seconds kDeletedTimeout{30};

void log_remains(std::string_view cache, ErrorCode code) {
  log_warning("entries of a deleted collection remain in a cache",
              {{"cache", cache}, {"code", error_code_name(code)}});
}

} // namespace

net::Task<Result<std::size_t>> purge_cache(CachePurgeParts parts, cache::PurgeMessage purge,
                                           Deadline deadline) {
  auto here = [&pipeline = parts.pipeline, purge]() -> Result<std::size_t> {
    return pipeline.purge_local(purge);
  };
  auto removed = co_await net::offload(parts.storage, std::move(here), deadline, parts.clock);
  if (!removed) co_return removed;
  auto there = co_await parts.pipeline.purge_shared(std::move(purge), deadline);
  if (!there) {
    Error error = there.error();
    error.message = "removed from this node alone: " + error.message;
    co_return std::unexpected(std::move(error));
  }
  co_return *removed + *there;
}

void DeletedPurges::add(const boost::asio::any_io_executor& loop, store::CollectionKey collection) {
  const bool begin = state_.with([&](State& state) {
    if (state.waiting.size() == kMaxWaiting) {
      log_remains("query", ErrorCode::kOverloaded);
      return false;
    }
    state.waiting.push_back(std::move(collection));
    return !std::exchange(state.working, true);
  });
  if (begin) net::detach(loop, work(shared_from_this()));
}

std::optional<store::CollectionKey> DeletedPurges::next() {
  return state_.with([](State& state) -> std::optional<store::CollectionKey> {
    state.working = !state.waiting.empty();
    if (!state.working) return std::nullopt;
    auto first = std::move(state.waiting.front());
    state.waiting.pop_front();
    return first;
  });
}

net::Task<void> DeletedPurges::work(std::shared_ptr<DeletedPurges> self) {
  const CachePurgeParts& parts = self->parts_;
  while (const auto collection = self->next()) {
    const Deadline deadline = Deadline::after(kDeletedTimeout, parts.clock.now());
    for (const std::string_view cache : {rag::AnswerCache::kName, rag::RetrievalStage::kName}) {
      cache::PurgeMessage purge{std::string(cache), {.scope = rag::scope_of(*collection)}};
      const auto removed = co_await purge_cache(parts, std::move(purge), deadline);
      if (!removed) log_remains(cache, removed.error().code);
    }
  }
}

} // namespace raglan::node
