#include "rag/pipeline.h"

#include <algorithm>
#include <utility>

#include "base/ids.h"
#include "base/log.h"
#include "model/await_embedding.h"
#include "rag/lexical_query.h"
#include "rag/query_key.h"
#include "rag/retrieval.h"

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

// What the search stage brings. The sentences are chosen there because it takes milliseconds for
// many passages.
struct Evidence {
  Retrieved retrieved;
  std::vector<SentenceCandidate> sentences;
};

} // namespace

// One question under way: its request, its reply so far, and the stages as coroutines.
class Pipeline::Run {
 public:
  Run(Pipeline& pipeline, QueryRequest request)
      : pipeline_(pipeline), parts_(pipeline.parts_), request_(std::move(request)) {}

  net::Task<Result<QueryReply>> run() {
    started_ = parts_.clock.now();
    reply_.id = make_uuid7(parts_.clock.wall_now());
    if (auto ok = co_await find_cached(); !ok) co_return forward_error(ok);
    if (reply_.answer) co_return finish();
    if (request_.cache == CacheMode::kOnly) {
      co_return fail(ErrorCode::kNotCached, "the answer is not in the cache");
    }
    if (pipeline_.config_.retrieval.mode != RetrievalMode::kLexical) {
      if (auto ok = co_await embed_query(); !ok) co_return forward_error(ok);
    }
    if (auto ok = co_await retrieve_sources(); !ok) co_return forward_error(ok);
    if (request_.mode == QueryMode::kAnswer) {
      if (auto ok = co_await compose_answer(); !ok) co_return forward_error(ok);
    }
    store_answer();
    co_return finish();
  }

 private:
  // Starts a stage: refuses when the deadline has passed.
  Result<> begin_stage() {
    stage_started_ = parts_.clock.now();
    if (!request_.deadline.expired(stage_started_)) return {};
    return fail(ErrorCode::kDeadlineExceeded, "the request's deadline has passed");
  }

  void end_stage(std::string_view stage) {
    const Duration took = parts_.clock.now() - stage_started_;
    reply_.timings.emplace_back(stage, took);
    if (parts_.on_stage) parts_.on_stage(stage, took);
  }

  // Sets reply_.answer when the cache has it.
  net::Task<Result<>> find_cached() {
    if (request_.cache == CacheMode::kBypass) reply_.cache = CacheStatus::kBypass;
    if (request_.cache == CacheMode::kRefresh) reply_.cache = CacheStatus::kRefresh;
    if (reply_.cache != CacheStatus::kMiss) co_return Result<>();
    if (auto ok = begin_stage(); !ok) co_return ok;
    auto generation = co_await pipeline_.generations_.read(request_.collection, parts_.search,
                                                           request_.deadline, parts_.clock);
    if (!generation) co_return forward_error(generation);
    reply_.answer = pipeline_.query_cache_.find(key(*generation), parts_.clock.now());
    if (reply_.answer) reply_.cache = CacheStatus::kHit;
    end_stage("cache");
    co_return Result<>();
  }

  Hash128 key(store::Generation generation) const {
    return query_key(request_, generation, pipeline_.config_key_);
  }

  // An embedder that cannot answer costs the dense side, not the request.
  net::Task<Result<>> embed_query() {
    if (auto ok = begin_stage(); !ok) co_return ok;
    auto embedded = co_await embed({normalise_query(request_.query)});
    end_stage("embed");
    if (embedded) {
      answer_.embedding_tokens += embedded->tokens;
      query_vector_ = std::move(embedded->values);
      co_return Result<>();
    }
    co_return lose_embedder(embedded.error());
  }

  // Goes on without the embedder, at level 1; an error when nobody waits for the answer any more.
  Result<> lose_embedder(const Error& error) {
    const ErrorCode code = error.code;
    if (code == ErrorCode::kClientClosed || code == ErrorCode::kDeadlineExceeded) {
      return std::unexpected(error);
    }
    log_warning("embedding failed, going on by words alone", {{"code", error_code_name(code)}});
    answer_.degraded_level = 1;
    answer_.degraded_reasons.emplace_back("embedder_unavailable");
    return {};
  }

  // A question and its sentences are short: their tokens are counted in place.
  net::Task<Result<model::Embeddings>> embed(std::vector<std::string> texts) {
    co_return co_await model::await_embedding(parts_.embedder, model::join_in_place,
                                              std::move(texts), model::EmbeddingPriority::kQuery,
                                              request_.deadline, parts_.clock);
  }

  net::Task<Result<>> retrieve_sources() {
    if (auto ok = begin_stage(); !ok) co_return ok;
    store::SearchRequest search;
    search.collection = request_.collection;
    search.query_vector = query_vector_;
    const bool dense_only =
        pipeline_.config_.retrieval.mode == RetrievalMode::kDense && !query_vector_.empty();
    if (!dense_only) search.query_text = lexical_query(request_.query);
    search.filter = request_.filter;
    search.candidates = std::max(pipeline_.config_.retrieval.candidates, request_.top_k);
    const bool answering = request_.mode == QueryMode::kAnswer;
    auto work = [&store = parts_.store, &config = pipeline_.config_, search = std::move(search),
                 question = request_.query, top_k = request_.top_k,
                 answering]() -> Result<Evidence> {
      auto found = retrieve(store, search, config.retrieval, top_k);
      if (!found) return forward_error(found);
      Evidence evidence{std::move(*found), {}};
      if (answering) {
        evidence.sentences =
            candidate_sentences(question, evidence.retrieved.sources, config.extractive);
      }
      return evidence;
    };
    auto evidence =
        co_await net::offload(parts_.search, std::move(work), request_.deadline, parts_.clock);
    end_stage("retrieve");
    if (!evidence) co_return forward_error(evidence);
    answer_.generation = evidence->retrieved.generation;
    answer_.sources = std::move(evidence->retrieved.sources);
    sentences_ = std::move(evidence->sentences);
    answer_.found = !answer_.sources.empty();
    co_return Result<>();
  }

  net::Task<Result<>> compose_answer();

  void store_answer() {
    auto answer = std::make_shared<const Answer>(std::move(answer_));
    reply_.answer = answer;
    if (request_.cache == CacheMode::kBypass || answer->degraded_level > 0) return;
    pipeline_.query_cache_.insert(key(answer->generation), answer, answer_bytes(*answer),
                                  parts_.clock.now());
  }

  QueryReply finish() {
    reply_.total = parts_.clock.now() - started_;
    return std::move(reply_);
  }

  Pipeline& pipeline_;
  Parts& parts_;
  QueryRequest request_;
  QueryReply reply_;
  Answer answer_;
  std::vector<float> query_vector_;
  std::vector<SentenceCandidate> sentences_; // of answer_.sources
  MonotonicTime started_{};
  MonotonicTime stage_started_{};
};

net::Task<Result<>> Pipeline::Run::compose_answer() {
  if (auto ok = begin_stage(); !ok) co_return ok;
  std::vector<float> vectors;
  if (!query_vector_.empty() && !sentences_.empty()) {
    std::vector<std::string> texts;
    for (const SentenceCandidate& sentence : sentences_) texts.push_back(sentence.sentence);
    auto embedded = co_await embed(std::move(texts));
    if (embedded) {
      answer_.embedding_tokens += embedded->tokens;
      vectors = std::move(embedded->values);
    } else {
      if (auto ok = lose_embedder(embedded.error()); !ok) co_return ok;
    }
  }
  ExtractiveAnswer composed =
      compose_extractive(query_vector_, sentences_, vectors, pipeline_.config_.extractive);
  answer_.text = std::move(composed.text);
  answer_.found = composed.found;
  end_stage("answer");
  co_return Result<>();
}

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

} // namespace raglan::rag
