#include "rag/pipeline.h"

#include <utility>

#include "base/ids.h"
#include "rag/answer_run.h"
#include "rag/query_key.h"

namespace raglan::rag {
namespace {

std::size_t answer_bytes(const Answer& answer) {
  std::size_t bytes = sizeof(Answer) + (answer.text ? answer.text->size() : 0);
  for (const Source& source : answer.sources) {
    bytes += sizeof(Source) + source.document_id.size() + source.title.size() +
             source.title_path.size() + source.uri.size() + source.text.size();
  }
  return bytes;
}

CacheStatus status_of(CacheMode mode) {
  switch (mode) {
    case CacheMode::kBypass: return CacheStatus::kBypass;
    case CacheMode::kRefresh: return CacheStatus::kRefresh;
    case CacheMode::kUse:
    case CacheMode::kOnly: break;
  }
  return CacheStatus::kMiss;
}

} // namespace

// One question under way: the cache, the work in flight that it may join, and the reply.
class Pipeline::Run {
 public:
  Run(Pipeline& pipeline, QueryRequest request)
      : pipeline_(pipeline), clock_(pipeline.parts_.clock), request_(std::move(request)) {}

  net::Task<Result<QueryReply>> run() {
    const MonotonicTime started = clock_.now();
    reply_.id = make_uuid7(clock_.wall_now());
    reply_.cache = status_of(request_.cache);
    auto ok = reply_.cache == CacheStatus::kMiss ? co_await find_or_join() : co_await compute();
    if (!ok) co_return forward_error(ok);
    reply_.total = clock_.now() - started;
    co_return std::move(reply_);
  }

 private:
  // The answer from the cache, or from whoever is first to compute it.
  net::Task<Result<>> find_or_join() {
    const MonotonicTime asked = clock_.now();
    if (request_.deadline.expired(asked)) {
      co_return fail(ErrorCode::kDeadlineExceeded, "the request's deadline has passed");
    }
    const auto& parts = pipeline_.parts_;
    auto generation = co_await pipeline_.generations_.read(request_.collection, parts.search,
                                                           request_.deadline, clock_);
    if (!generation) co_return forward_error(generation);
    const Hash128 key = query_key(request_, *generation, pipeline_.config_key_);
    reply_.answer = pipeline_.query_cache_.find(key, clock_.now());
    end_stage("cache", asked);
    if (reply_.answer) {
      reply_.cache = CacheStatus::kHit;
      co_return Result<>();
    }
    if (request_.cache == CacheMode::kOnly) {
      co_return fail(ErrorCode::kNotCached, "the answer is not in the cache");
    }
    co_return co_await join(key);
  }

  net::Task<Result<>> join(const Hash128& key) {
    const MonotonicTime asked = clock_.now();
    auto start = [&pipeline = pipeline_, request = request_] { return pipeline.compute(request); };
    bool joined = false;
    auto computed =
        co_await pipeline_.answers_.run(key, std::move(start), request_.deadline, clock_, joined);
    if (!computed) co_return forward_error(computed);
    if (!joined) co_return take(std::move(*computed));
    reply_.cache = CacheStatus::kCoalesced;
    reply_.answer = std::move(computed->answer);
    end_stage("coalesced", asked);
    co_return Result<>();
  }

  net::Task<Result<>> compute() {
    auto computed = co_await pipeline_.compute(request_);
    if (!computed) co_return forward_error(computed);
    co_return take(std::move(*computed));
  }

  Result<> take(ComputedAnswer computed) {
    reply_.answer = std::move(computed.answer);
    reply_.timings.insert(reply_.timings.end(), computed.timings.begin(), computed.timings.end());
    return {};
  }

  void end_stage(std::string_view stage, MonotonicTime began) {
    const Duration took = clock_.now() - began;
    reply_.timings.emplace_back(stage, took);
    if (pipeline_.parts_.on_stage) pipeline_.parts_.on_stage(stage, took);
  }

  Pipeline& pipeline_;
  const Clock& clock_;
  const QueryRequest request_;
  QueryReply reply_;
};

Pipeline::Pipeline(PipelineConfig config, Parts parts)
    : config_(std::move(config)),
      parts_(std::move(parts)),
      config_key_(config_key(config_, parts_.embedder.embedder().id())),
      generations_(parts_.store),
      query_cache_(config_.query_cache) {}

net::Task<Result<QueryReply>> Pipeline::run(QueryRequest request) {
  Run run(*this, std::move(request));
  co_return co_await run.run();
}

net::Task<Result<ComputedAnswer>> Pipeline::compute(QueryRequest request) {
  const QueryRequest asked = request;
  AnswerRun run(config_, parts_, std::move(request));
  auto computed = co_await run.run();
  const bool keep =
      computed && asked.cache != CacheMode::kBypass && computed->answer->degraded_level == 0;
  if (keep) {
    const auto& answer = computed->answer;
    query_cache_.insert(query_key(asked, answer->generation, config_key_), answer,
                        answer_bytes(*answer), parts_.clock.now());
  }
  co_return computed;
}

} // namespace raglan::rag
