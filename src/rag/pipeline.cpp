#include "rag/pipeline.h"

#include <utility>

#include "model/token_estimate.h"
#include "net/detach.h"
#include "rag/answer_run.h"
#include "rag/answer_stream.h"
#include "rag/pipeline_run.h"
#include "rag/query_key.h"

namespace raglan::rag {

Pipeline::Pipeline(PipelineConfig config, Parts parts)
    : config_(std::move(config)),
      parts_(std::move(parts)),
      keys_(config_keys(config_, parts_.embeddings.embedder().id(),
                        parts_.generator ? parts_.generator->id() : std::string_view())),
      rewriter_(config_.follow_ups, {parts_.generator, parts_.overload, parts_.clock}),
      answer_cache_(config_.query_cache, config_.freshness, parts_.redis, parts_.clock),
      retrieval_(config_.retrieval, config_.retrieval_cache, keys_,
                 {parts_.store, parts_.clock, parts_.redis}),
      reuse_(config_.similar_questions, keys_, {answer_cache_, parts_.search, parts_.clock}),
      // As many again, so that those on their way up are counted too.
      hot_queries_(2 * config_.hot_queries) {}

net::Task<Result<QueryReply>> Pipeline::run(QueryRequest request) {
  Run run(*this, std::move(request), co_await boost::asio::this_coro::executor);
  if (run.find_here()) co_return run.take_reply();
  auto ok = co_await run.find_or_compute();
  if (!ok) co_return forward_error(ok);
  co_return run.take_reply();
}

net::Task<Result<StreamedReply>> Pipeline::stream(QueryRequest request) {
  auto run =
      std::make_unique<Run>(*this, std::move(request), co_await boost::asio::this_coro::executor);
  if (run->find_here()) co_return run->take_reply();
  auto seat = co_await run->open();
  if (!seat) co_return forward_error(seat);
  if (!*seat) co_return run->take_reply();
  co_return AnswerStream(std::move(run), std::move(**seat));
}

std::size_t Pipeline::most_tokens(const QueryRequest& request) const {
  const std::size_t question = model::estimate_tokens(request.query);
  if (parts_.generator == nullptr || request.mode != QueryMode::kAnswer) return question;
  static const Conversation kNone;
  const Conversation& conversation = request.conversation ? *request.conversation : kNone;
  const PromptOptions options{config_.prompt, parts_.generator->traits()};
  return question + rewriter_.most_tokens(request) +
         answer_tokens(conversation.max_tokens, options) +
         most_prompt_tokens(request.query, conversation.history, request.top_k,
                            config_.passage_tokens, options);
}

net::Task<Result<ComputedAnswer>> Pipeline::compute(QueryRequest request,
                                                    std::optional<store::Generation> generation,
                                                    AnswerCache::Turn turn, LiveAnswer* live) {
  const MonotonicTime began = parts_.clock.now();
  const std::uint64_t purges = query_cache().local().purges();
  AnswerRun run(config_, parts_, {retrieval_, reuse_, live, failures_}, request, generation,
                turn.redis_failed);
  auto computed = co_await run.run();
  const bool keep = computed && request.cache != CacheMode::kBypass && !computed->reuse &&
                    computed->answer->is_full_quality() && purges == query_cache().local().purges();
  if (keep) {
    const auto& answer = computed->answer;
    const AnswerCost cost{parts_.clock.now() - began, computed->calls};
    computed->stored = answer_cache_.insert(
        co_await boost::asio::this_coro::executor, query_key(request, answer->generation, keys_),
        request.collection, answer, cost, std::move(turn.claim));
  }
  co_return computed;
}

net::Task<Result<ComputedAnswer>> Pipeline::find_or_compute(Hash128 key, QueryRequest request,
                                                            store::Generation generation,
                                                            bool redis_failed, LiveAnswer& live) {
  if (redis_failed) {
    co_return co_await compute(std::move(request), generation, {.redis_failed = true}, &live);
  }
  // A vip does not wait for whoever may wait behind vips; nor does who waits for nothing.
  const AnswerCache::Tiers::ClaimOptions options{
      .wait = request.waits && (request.background || request.tier != policy::Tier::kVip),
      .background = request.background};
  auto [found, turn] =
      co_await answer_cache_.find_or_claim(key, request.collection, request.deadline, options);
  if (found.answer && found.freshness != policy::Freshness::kOnlyIfError) {
    ComputedAnswer theirs{.answer = found.answer, .layer = CacheLayer::kQuery};
    theirs.freshness = found.freshness;
    theirs.expires = found.expires;
    co_return theirs;
  }
  co_return co_await compute(std::move(request), generation, std::move(turn), &live);
}

std::size_t Pipeline::purge_local(const cache::PurgeMessage& purge) {
  const bool of_tenant = !purge.selection.key && !purge.selection.scope;
  const bool vectors = purge.cache == model::EmbeddingCache::kName && of_tenant;
  return vectors ? parts_.embeddings.purge(purge.selection.tenant) : purge_memory(purge);
}

std::size_t Pipeline::purge_memory(const cache::PurgeMessage& purge) {
  if (purge.cache == model::EmbeddingCache::kName) {
    return parts_.embeddings.forget_in_memory(purge.selection);
  }
  if (purge.cache == RetrievalStage::kName) return retrieval_cache().local().purge(purge.selection);
  if (purge.cache != AnswerCache::kName) return 0;
  similar_questions().purge(purge.selection);
  rewriter_.forget(purge.selection);
  return query_cache().local().purge(purge.selection);
}

void Pipeline::forget_cached() {
  query_cache().local().purge({});
  rewriter_.forget({});
  retrieval_cache().local().purge({});
  parts_.embeddings.forget_in_memory({});
}

net::Task<Result<std::size_t>> Pipeline::purge_shared(cache::PurgeMessage purge,
                                                      Deadline deadline) {
  cache::SharedTier* shared = nullptr;
  if (purge.cache == AnswerCache::kName) shared = query_cache().shared();
  if (purge.cache == RetrievalStage::kName) shared = retrieval_cache().shared();
  if (purge.cache == model::EmbeddingCache::kName) shared = parts_.embeddings.shared();
  if (shared == nullptr) co_return std::size_t{0};
  co_return co_await shared->purge(purge.selection, deadline);
}

net::Task<Result<bool>> Pipeline::warm(QueryRequest request, Duration horizon) {
  const MonotonicTime now = parts_.clock.now();
  request.cache = CacheMode::kUse; // its answer is to be kept
  request.background = true;
  request.deadline = request.deadline.capped(kRefreshTimeout, now);
  auto generation = co_await parts_.store.generation(request.collection, request.deadline);
  if (!generation) co_return forward_error(generation);
  const Hash128 key = query_key(request, *generation, keys_);
  const auto known = answer_cache_.tiers().local().peek(key, now);
  if (known.value && known.expires > now + horizon) co_return false;
  if (known.value) {
    auto permit = refreshes_.try_begin(key);
    if (!permit) co_return false; // somebody is at it
    co_return co_await run_refresh(std::move(*permit), std::move(request), known.expires);
  }
  const Deadline deadline = request.deadline;
  const int urgency = request.urgency();
  auto start = [this, key, request = std::move(request),
                generation = *generation](const std::shared_ptr<LiveAnswer>& live) {
    return find_or_compute(key, request, generation, false, *live);
  };
  bool joined = false;
  auto computed =
      co_await answers_.run(key, urgency, std::move(start), deadline, parts_.clock, joined);
  if (!computed) co_return forward_error(computed);
  co_return computed->layer != CacheLayer::kQuery;
}

void Pipeline::refresh(const boost::asio::any_io_executor& loop, const Hash128& key,
                       QueryRequest request, MonotonicTime expires) {
  auto permit = refreshes_.try_begin(key);
  if (!permit) return;
  request.background = true;
  request.deadline = Deadline::after(kRefreshTimeout, parts_.clock.now());
  // One that fails is tried again by the next who asks.
  auto behind = [](net::Task<Result<bool>> run) -> net::Task<void> {
    (void)co_await std::move(run);
  };
  net::detach(loop, behind(run_refresh(std::move(*permit), std::move(request), expires)));
}

net::Task<Result<bool>> Pipeline::run_refresh(cache::Refreshes::Permit permit, QueryRequest request,
                                              MonotonicTime expires) {
  request.cache = CacheMode::kRefresh;
  auto turn =
      co_await answer_cache_.claim_refresh(*permit, request.collection, expires, request.deadline);
  if (!turn) co_return false;
  auto computed = co_await compute(std::move(request), std::nullopt, std::move(*turn), nullptr);
  if (!computed) co_return forward_error(computed);
  co_return true;
}

} // namespace raglan::rag
