#include "rag/pipeline.h"

#include <utility>

#include "base/ids.h"
#include "net/detach.h"
#include "rag/answer_run.h"
#include "rag/query_key.h"

namespace raglan::rag {

using policy::Freshness;

namespace {

CacheStatus status_of(CacheMode mode) {
  switch (mode) {
    case CacheMode::kBypass: return CacheStatus::kBypass;
    case CacheMode::kRefresh: return CacheStatus::kRefresh;
    case CacheMode::kUse:
    case CacheMode::kOnly: break;
  }
  return CacheStatus::kMiss;
}

// A user does not join what is done in the background, whose texts wait behind everybody's.
int urgency_of(const QueryRequest& request) { return request.background ? 0 : 1; }

// Of RFC 5861's errors: ours, and not the question's.
bool is_server_fault(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInternal:
    case ErrorCode::kUpstream:
    case ErrorCode::kOverloaded:
    case ErrorCode::kUnavailable:
    case ErrorCode::kDeadlineExceeded:
    case ErrorCode::kCorrupt: return true;
    default: return false;
  }
}

} // namespace

// One question under way: the cache, the work in flight that it may join, and the reply.
//
//   Run run(pipeline, request, loop);
//   if (run.find_here()) return run.take_reply();     // most questions, where a cache is of use
//   auto ok = co_await run.find_or_compute();
class Pipeline::Run {
 public:
  Run(Pipeline& pipeline, QueryRequest request, boost::asio::any_io_executor loop)
      : pipeline_(pipeline),
        clock_(pipeline.parts_.clock),
        loop_(std::move(loop)),
        request_(std::move(request)),
        started_(clock_.now()) {
    reply_.id = make_uuid7(clock_.wall_now());
    reply_.cache = status_of(request_.cache);
    if (request_.cache == CacheMode::kUse) pipeline_.hot_queries_.count(request_);
  }

  // Whether this process has the answer. No coroutine: that would cost more than the look.
  bool find_here() {
    if (reply_.cache != CacheStatus::kMiss || request_.deadline.expired(started_)) return false;
    generation_ = pipeline_.generations_.try_read(request_.collection);
    return generation_ && *generation_ && look();
  }

  net::Task<Result<>> find_or_compute() {
    if (reply_.cache != CacheStatus::kMiss) co_return co_await compute();
    if (request_.deadline.expired(started_)) {
      co_return fail(ErrorCode::kDeadlineExceeded, "the request's deadline has passed");
    }
    if (!generation_) {
      const auto& search = pipeline_.parts_.search;
      generation_ = co_await pipeline_.generations_.read(request_.collection, search,
                                                         request_.deadline, clock_);
      if (*generation_ && look()) co_return Result<>();
    }
    if (!*generation_) co_return forward_error(*generation_);
    const Hash128 key = *reply_.key;
    if (request_.cache == CacheMode::kOnly) co_return co_await find_elsewhere(key);
    auto ok = co_await join(key, **generation_);
    if (ok || !is_server_fault(ok.error().code)) co_return ok;
    auto old = pipeline_.answer_cache_.peek(key).answer; // Redis may have had it
    if (!old) co_return ok;
    take_hit(CacheStatus::kStale, std::move(old));
    co_return Result<>();
  }

  QueryReply take_reply() {
    reply_.total = clock_.now() - started_;
    return std::move(reply_);
  }

 private:
  // Into this process' cache.
  bool look() {
    reply_.key = query_key(request_, **generation_, pipeline_.keys_);
    const AnswerCache::Found found = pipeline_.answer_cache_.find(*reply_.key);
    end_stage("cache", started_);
    return serve(*reply_.key, found);
  }

  // Whether what was found answers the question; it is refreshed when it is time.
  bool serve(const Hash128& key, const AnswerCache::Found& found) {
    switch (found.freshness) {
      case Freshness::kFresh: break;
      case Freshness::kRefreshEarly:
      case Freshness::kStale: pipeline_.refresh(loop_, key, request_, found.expires); break;
      case Freshness::kOnlyIfError:
      case Freshness::kExpired: return false;
    }
    const bool stale = found.freshness == Freshness::kStale;
    take_hit(stale ? CacheStatus::kStale : CacheStatus::kHit, found.answer);
    return true;
  }

  net::Task<Result<>> find_elsewhere(const Hash128& key) {
    const auto found =
        co_await pipeline_.answer_cache_.find_shared(key, request_.collection, request_.deadline);
    if (serve(key, found)) co_return Result<>();
    co_return fail(ErrorCode::kNotCached, "the answer is not in the cache");
  }

  void take_hit(CacheStatus status, std::shared_ptr<const Answer> answer) {
    reply_.cache = status;
    reply_.layer = CacheLayer::kQuery;
    reply_.answer = std::move(answer);
  }

  net::Task<Result<>> join(Hash128 key, store::Generation generation) {
    const MonotonicTime asked = clock_.now();
    auto start = [&pipeline = pipeline_, key, request = request_, generation] {
      return pipeline.find_or_compute(key, request, generation);
    };
    bool joined = false;
    auto computed = co_await pipeline_.answers_.run(key, urgency_of(request_), std::move(start),
                                                    request_.deadline, clock_, joined);
    if (!computed) co_return forward_error(computed);
    if (computed->reuse) {
      take_hit(CacheStatus::kHit, computed->answer);
      reply_.reuse = computed->reuse;
      take_timings(*computed);
      co_return Result<>();
    }
    if (computed->layer == CacheLayer::kQuery) {
      const AnswerCache::Found found{computed->answer, computed->freshness, computed->expires};
      serve(key, found);
      end_stage("shared_cache", asked);
      co_return Result<>();
    }
    if (!joined) co_return take(std::move(*computed));
    reply_.cache = CacheStatus::kCoalesced;
    reply_.stored = computed->stored;
    reply_.answer = std::move(computed->answer);
    end_stage("coalesced", asked);
    co_return Result<>();
  }

  net::Task<Result<>> compute() {
    auto computed = co_await pipeline_.compute(request_, std::nullopt, {});
    if (!computed) co_return forward_error(computed);
    co_return take(std::move(*computed));
  }

  Result<> take(ComputedAnswer computed) {
    reply_.stored = computed.stored;
    reply_.answer = std::move(computed.answer);
    reply_.layer = computed.layer;
    take_timings(computed);
    return {};
  }

  void take_timings(const ComputedAnswer& computed) {
    reply_.timings.insert(reply_.timings.end(), computed.timings.begin(), computed.timings.end());
  }

  void end_stage(std::string_view stage, MonotonicTime began) {
    const Duration took = clock_.now() - began;
    reply_.timings.emplace_back(stage, took);
    if (pipeline_.parts_.on_stage) pipeline_.parts_.on_stage(stage, took);
  }

  Pipeline& pipeline_;
  const Clock& clock_;
  const boost::asio::any_io_executor loop_;
  const QueryRequest request_;
  const MonotonicTime started_;
  std::optional<Result<store::Generation>> generation_; // once it was read
  QueryReply reply_;
};

Pipeline::Pipeline(PipelineConfig config, Parts parts)
    : config_(config),
      parts_(std::move(parts)),
      keys_(config_keys(config_, parts_.embeddings.embedder().id())),
      generations_(parts_.store),
      answer_cache_(config_.query_cache, config_.freshness, parts_.redis, parts_.clock),
      retrieval_(config_.retrieval, config_.retrieval_cache, keys_,
                 {parts_.store, parts_.search, parts_.clock, parts_.redis}),
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

net::Task<Result<ComputedAnswer>> Pipeline::compute(QueryRequest request,
                                                    std::optional<store::Generation> generation,
                                                    AnswerCache::Turn turn) {
  const MonotonicTime began = parts_.clock.now();
  AnswerRun run(config_, parts_, {retrieval_, reuse_}, request, generation, turn.redis_failed);
  auto computed = co_await run.run();
  const bool keep = computed && request.cache != CacheMode::kBypass && !computed->reuse &&
                    computed->answer->degraded_level == 0;
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
                                                            store::Generation generation) {
  auto [found, turn] = co_await answer_cache_.find_or_claim(key, request.collection,
                                                            request.deadline, request.background);
  if (found.answer && found.freshness != Freshness::kOnlyIfError) {
    ComputedAnswer theirs{.answer = found.answer, .layer = CacheLayer::kQuery};
    theirs.freshness = found.freshness;
    theirs.expires = found.expires;
    co_return theirs;
  }
  co_return co_await compute(std::move(request), generation, std::move(turn));
}

std::size_t Pipeline::purge_local(const cache::PurgeMessage& purge) {
  if (purge.cache == RetrievalStage::kName) return retrieval_cache().local().purge(purge.selection);
  if (purge.cache != AnswerCache::kName) return 0;
  similar_questions().purge(purge.selection);
  return query_cache().local().purge(purge.selection);
}

void Pipeline::forget_cached() {
  query_cache().local().purge({});
  retrieval_cache().local().purge({});
}

net::Task<Result<std::size_t>> Pipeline::purge_shared(cache::PurgeMessage purge,
                                                      Deadline deadline) {
  cache::SharedTier* shared = nullptr;
  if (purge.cache == AnswerCache::kName) shared = query_cache().shared();
  if (purge.cache == RetrievalStage::kName) shared = retrieval_cache().shared();
  if (shared == nullptr) co_return std::size_t{0};
  co_return co_await shared->purge(purge.selection, deadline);
}

net::Task<Result<bool>> Pipeline::warm(QueryRequest request, Duration horizon) {
  const MonotonicTime now = parts_.clock.now();
  request.cache = CacheMode::kUse; // its answer is to be kept
  request.background = true;
  request.deadline = request.deadline.capped(kRefreshTimeout, now);
  auto generation =
      co_await generations_.read(request.collection, parts_.search, request.deadline, parts_.clock);
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
  const int urgency = urgency_of(request);
  auto start = [this, key, request = std::move(request), generation = *generation] {
    return find_or_compute(key, request, generation);
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
  auto computed = co_await compute(std::move(request), std::nullopt, std::move(*turn));
  if (!computed) co_return forward_error(computed);
  co_return true;
}

} // namespace raglan::rag
