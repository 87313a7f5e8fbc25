#include "rag/retrieval_stage.h"

#include <algorithm>
#include <utility>

#include "rag/lexical_query.h"

namespace raglan::rag {
namespace {

constexpr int kUrgency = 0; // all searches wait in one queue, whoever asks

store::SearchRequest search_request(const QueryRequest& request, const RetrievalConfig& config,
                                    std::vector<float> query_vector) {
  store::SearchRequest search;
  search.collection = request.collection;
  const bool dense_only = config.mode == RetrievalMode::kDense && !query_vector.empty();
  if (!dense_only) search.query_text = lexical_query(request.searched());
  search.query_vector = std::move(query_vector);
  search.filter = request.filter;
  search.candidates = std::max(config.candidates, request.top_k);
  return search;
}

} // namespace

net::Task<RetrievalStage::Passages> RetrievalStage::find(const QueryRequest& request,
                                                         store::Generation generation,
                                                         bool& redis_failed) {
  const Hash128 key = retrieval_key(request, generation, keys_);
  auto here = cache_.local().find(key, parts_.clock.now());
  if (here || redis_failed) co_return here;
  auto elsewhere = co_await cache_.find_shared(key, scope_of(request.collection), request.deadline,
                                               redis_failed);
  co_return parts_.clock.now() < elsewhere.expires ? std::move(elsewhere.value) : nullptr;
}

net::Task<Result<RetrievalStage::Passages>> RetrievalStage::run(
    const QueryRequest& request, std::vector<float> query_vector,
    std::optional<store::Generation> generation, bool& joined) {
  joined = false;
  const bool whole = config_.mode == RetrievalMode::kLexical || !query_vector.empty();
  if (!whole || !generation) co_return co_await search(request, std::move(query_vector));
  auto start = [this, request, vector = std::move(query_vector)] {
    return search(request, vector);
  };
  co_return co_await searches_.run(retrieval_key(request, *generation, keys_), kUrgency,
                                   std::move(start), request.deadline, parts_.clock, joined);
}

net::Task<Result<RetrievalStage::Passages>> RetrievalStage::search(
    QueryRequest request, std::vector<float> query_vector) {
  const bool whole = config_.mode == RetrievalMode::kLexical || !query_vector.empty();
  const MonotonicTime began = parts_.clock.now();
  const std::uint64_t purges = cache_.local().purges();
  auto search = search_request(request, config_, std::move(query_vector));
  auto found =
      co_await retrieve(parts_.store, std::move(search), config_, request.top_k, request.deadline);
  if (!found) co_return forward_error(found);
  auto passages = std::make_shared<const Retrieved>(std::move(*found));
  if (whole && request.cache != CacheMode::kBypass && purges == cache_.local().purges()) {
    const Hash128 key = retrieval_key(request, passages->generation, keys_);
    const cache::EntryNotes notes{
        .cost = parts_.clock.now() - began, .calls = 1, .scope = scope_of(request.collection)};
    cache_.publish(co_await boost::asio::this_coro::executor, key, passages, notes);
  }
  co_return passages;
}

} // namespace raglan::rag
