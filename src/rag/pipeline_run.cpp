#include "rag/pipeline_run.h"

#include <utility>

#include "base/ids.h"
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

Pipeline::Run::Run(Pipeline& pipeline, QueryRequest request, boost::asio::any_io_executor loop)
    : pipeline_(pipeline),
      clock_(pipeline.parts_.clock),
      loop_(std::move(loop)),
      request_(std::move(request)),
      started_(clock_.now()) {
  reply_.id = make_uuid7(clock_.wall_now());
  reply_.cache = status_of(request_.cache);
}

bool Pipeline::Run::find_here() {
  if (reply_.cache != CacheStatus::kMiss || request_.deadline.expired(started_)) return false;
  if (pipeline_.rewriter_.has_part_in(request_)) return false;
  generation_ = pipeline_.parts_.store.try_generation(request_.collection);
  return generation_ && *generation_ && look_first();
}

net::Task<Result<>> Pipeline::Run::find_or_compute() {
  auto found = co_await find();
  if (!found) co_return forward_error(found);
  if (*found) co_return Result<>();
  co_return co_await board_until_done();
}

net::Task<Result<>> Pipeline::Run::board_until_done() {
  while (true) {
    Seat seat = board();
    auto computed = co_await seat.result(request_.deadline, clock_);
    if (!is_others_deadline(computed, seat)) co_return settle(std::move(computed), seat.joined());
  }
}

net::Task<Result<std::optional<Pipeline::Run::Seat>>> Pipeline::Run::open() {
  auto found = co_await find();
  if (!found) co_return forward_error(found);
  if (*found) co_return std::nullopt;
  while (true) {
    Seat seat = board();
    const auto live = seat.progress();
    auto news = co_await live->news(false, 0, request_.deadline, clock_);
    if (!news) {
      if (auto ok = fall_back(news.error()); !ok) co_return forward_error(ok);
      co_return std::nullopt;
    }
    if (news->outline) {
      take_outline(seat, std::move(news->outline));
      co_return std::optional<Seat>(std::move(seat));
    }
    auto computed = co_await seat.result(request_.deadline, clock_);
    if (is_others_deadline(computed, seat)) continue;
    auto ok = settle(std::move(computed), seat.joined());
    if (!ok) co_return forward_error(ok);
    co_return std::nullopt;
  }
}

net::Task<Result<>> Pipeline::Run::finish(Seat& seat, bool begun) {
  auto computed = co_await seat.result(request_.deadline, clock_);
  begun_ = begun;
  if (begun || !is_others_deadline(computed, seat)) {
    co_return settle(std::move(computed), seat.joined());
  }
  reply_.cache = status_of(request_.cache); // it was another's until here
  co_return co_await board_until_done();
}

QueryReply Pipeline::Run::take_reply() {
  reply_.total = clock_.now() - started_;
  count_degraded();
  // What was not answered in full, or not waited for, is not worth keeping warm. (Where less was
  // asked for in the question's place, that is what `request_` has by now.)
  const bool full = !full_key_ && reply_.answer->is_full_quality();
  const bool alone = !request_.conversation && request_.search.empty();
  if (full && alone && request_.cache == CacheMode::kUse) {
    pipeline_.hot_queries_.count(request_);
  }
  return std::move(reply_);
}

void Pipeline::Run::count_degraded() const {
  const auto level = static_cast<int>(reply_.degraded_level());
  const auto& count = pipeline_.parts_.on_degraded;
  if (level == 0 || !count) return;
  const bool said = reply_.answer->has_reason(reply_.service_reason);
  if (!reply_.service_reason.empty() && !said) count(level, reply_.service_reason);
  for (const std::string& reason : reply_.answer->degraded_reasons) count(level, reason);
}

void Pipeline::Run::take_outline(const Seat& seat, std::shared_ptr<const Answer> outline) {
  if (seat.joined()) reply_.cache = CacheStatus::kCoalesced;
  reply_.answer = std::move(outline);
}

net::Task<Result<bool>> Pipeline::Run::find() {
  if (request_.deadline.expired(started_)) {
    co_return fail(ErrorCode::kDeadlineExceeded, "the request's deadline has passed");
  }
  if (pipeline_.rewriter_.has_part_in(request_)) {
    if (auto ok = co_await rewrite(); !ok) co_return forward_error(ok);
  }
  if (reply_.cache != CacheStatus::kMiss) co_return co_await reduce();
  if (!generation_) {
    store::Store& store = pipeline_.parts_.store;
    generation_ = co_await store.generation(request_.collection, request_.deadline);
    if (*generation_ && look_first()) co_return true;
  }
  if (!*generation_) co_return forward_error(*generation_);
  if (request_.cache != CacheMode::kOnly) co_return co_await reduce();
  if (co_await find_elsewhere()) co_return true;
  co_return fail(ErrorCode::kNotCached, "the answer is not in the cache");
}

net::Task<Result<>> Pipeline::Run::rewrite() {
  const MonotonicTime began = clock_.now();
  auto rewriting = co_await pipeline_.rewriter_.rewrite(request_);
  end_stage("rewrite", began);
  if (!rewriting) co_return forward_error(rewriting);
  take_rewriting(std::move(*rewriting));
  co_return Result<>();
}

void Pipeline::Run::take_rewriting(Rewriting rewriting) {
  const bool written = pipeline_.parts_.generator != nullptr && request_.mode == QueryMode::kAnswer;
  if (request_.conversation->replaceable && rewriting.by == RewrittenBy::kModel) {
    request_.query = rewriting.question;
    request_.conversation = nullptr;
  } else {
    if (rewriting.changed) request_.search = rewriting.question;
    // Without a language model nobody looks at it from here on.
    if (!written) request_.conversation = nullptr;
  }
  reply_.rewriting = std::move(rewriting);
}

net::Task<Result<bool>> Pipeline::Run::reduce() {
  Overload* overload = pipeline_.parts_.overload;
  if (overload == nullptr) co_return false;
  const Overload::Service service = overload->service_for(request_.tier);
  if (service.level == 0) co_return false;
  if (reply_.key && co_await find_elsewhere()) co_return true;
  full_key_ = reply_.key;
  for (int level = 1; level <= service.level; ++level) {
    if (take_less(overload->plan(level, request_.top_k), service.reason)) co_return true;
  }
  if (!overload->plan(service.level, request_.top_k).cache_only) co_return false;
  co_return co_await find_at_last_level(service);
}

net::Task<Result<bool>> Pipeline::Run::find_at_last_level(Overload::Service service) {
  if (reply_.key != full_key_ && co_await find_elsewhere()) co_return true;
  if (take_old()) co_return true;
  if (service.only_where_free) {
    request_.waits = false;
    co_return false;
  }
  Error error{ErrorCode::kOverloaded, "only what is cached is answered at the moment", {}};
  error.retry_after = pipeline_.parts_.overload->retry_after();
  if (pipeline_.parts_.on_degraded) pipeline_.parts_.on_degraded(service.level, service.reason);
  co_return std::unexpected(std::move(error));
}

bool Pipeline::Run::take_less(const policy::ServicePlan& plan, std::string_view reason) {
  const bool without_text = !plan.generate && request_.mode == QueryMode::kAnswer;
  if (plan.top_k >= request_.top_k && !without_text) return false;
  request_.top_k = static_cast<std::uint32_t>(plan.top_k);
  if (without_text) request_.mode = QueryMode::kRetrieve;
  reply_.service_level = plan.level;
  reply_.service_reason = reason;
  if (!reply_.key) return false; // no cache is asked
  reply_.key = query_key(request_, **generation_, pipeline_.keys_);
  if (!pipeline_.answer_cache_.peek(*reply_.key).answer) return false; // no miss of the cache
  return serve(*reply_.key, pipeline_.answer_cache_.find(*reply_.key));
}

bool Pipeline::Run::look_first() {
  const bool found = look();
  end_stage("cache", started_);
  return found;
}

bool Pipeline::Run::look() {
  reply_.key = query_key(request_, **generation_, pipeline_.keys_);
  return serve(*reply_.key, pipeline_.answer_cache_.find(*reply_.key));
}

bool Pipeline::Run::serve(const Hash128& key, const AnswerCache::Found& found) {
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

net::Task<bool> Pipeline::Run::find_elsewhere() {
  if (redis_failed_) co_return false;
  const auto found = co_await pipeline_.answer_cache_.find_shared(*reply_.key, request_.collection,
                                                                  request_.deadline, redis_failed_);
  co_return serve(*reply_.key, found);
}

Pipeline::Run::Seat Pipeline::Run::board() {
  Pipeline& pipeline = pipeline_;
  boarded_ = clock_.now();
  if (reply_.cache == CacheStatus::kBypass || reply_.cache == CacheStatus::kRefresh) {
    auto start = [&pipeline, request = request_](const std::shared_ptr<LiveAnswer>& live) {
      return pipeline.compute(request, std::nullopt, {}, live.get());
    };
    // A key of its own: nobody joins it.
    return pipeline_.answers_.board(loop_, hash128(reply_.id), request_.urgency(),
                                    std::move(start));
  }
  const Hash128 key = *reply_.key;
  auto start = [&pipeline, key, request = request_, generation = **generation_,
                redis_failed = redis_failed_](const std::shared_ptr<LiveAnswer>& live) {
    return pipeline.find_or_compute(key, request, generation, redis_failed, *live);
  };
  return pipeline_.answers_.board(loop_, key, request_.urgency(), std::move(start));
}

bool Pipeline::Run::is_others_deadline(const Result<ComputedAnswer>& computed,
                                       const Seat& seat) const {
  if (computed && computed->short_of_time) {
    return seat.joined() && !request_.deadline.expired(clock_.now());
  }
  return Flights::is_others_deadline(computed, seat.joined(), request_.deadline, clock_);
}

Result<> Pipeline::Run::settle(Result<ComputedAnswer> computed, bool joined) {
  if (!computed) return fall_back(computed.error());
  if (computed->reuse) {
    take_hit(CacheStatus::kHit, computed->answer);
    reply_.reuse = computed->reuse;
    take_timings(*computed);
    return {};
  }
  if (computed->layer == CacheLayer::kQuery) {
    const AnswerCache::Found found{computed->answer, computed->freshness, computed->expires};
    serve(*reply_.key, found);
    end_stage("shared_cache", boarded_);
    return {};
  }
  // The passages alone are less than an answer that is a little old.
  const bool lost_model = computed->answer->degraded_level >= kPassagesAlone;
  if (lost_model && take_old()) return {};
  if (!joined) return take(std::move(*computed));
  reply_.cache = CacheStatus::kCoalesced;
  reply_.stored = computed->stored;
  reply_.answer = std::move(computed->answer);
  end_stage("coalesced", boarded_);
  return {};
}

Result<> Pipeline::Run::fall_back(const Error& error) {
  if (is_server_fault(error.code) && take_old()) return {};
  return std::unexpected(error);
}

// Not for who has read the beginning of another answer.
bool Pipeline::Run::take_old() {
  if (begun_) return false;
  if (!take_old_of(full_key_)) return take_old_of(reply_.key);
  reply_.key = full_key_;
  reply_.service_level = 0;
  reply_.service_reason = {};
  return true;
}

bool Pipeline::Run::take_old_of(const std::optional<Hash128>& key) {
  if (!key) return false;
  auto old = pipeline_.answer_cache_.peek(*key).answer; // Redis may have had it
  if (!old) return false;
  take_hit(CacheStatus::kStale, std::move(old));
  return true;
}

void Pipeline::Run::take_hit(CacheStatus status, std::shared_ptr<const Answer> answer) {
  if (status == CacheStatus::kStale) ++pipeline_.stale_answers_;
  reply_.cache = status;
  reply_.layer = CacheLayer::kQuery;
  reply_.answer = std::move(answer);
}

Result<> Pipeline::Run::take(ComputedAnswer computed) {
  reply_.stored = computed.stored;
  reply_.answer = std::move(computed.answer);
  reply_.layer = computed.layer;
  take_timings(computed);
  return {};
}

void Pipeline::Run::take_timings(const ComputedAnswer& computed) {
  reply_.timings.insert(reply_.timings.end(), computed.timings.begin(), computed.timings.end());
}

void Pipeline::Run::end_stage(std::string_view stage, MonotonicTime began) {
  const Duration took = clock_.now() - began;
  reply_.timings.emplace_back(stage, took);
  if (pipeline_.parts_.on_stage) pipeline_.parts_.on_stage(stage, took);
}

} // namespace raglan::rag
