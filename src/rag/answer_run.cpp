#include "rag/answer_run.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "model/await_embedding.h"
#include "rag/lexical_query.h"
#include "rag/query_key.h"
#include "rag/retrieval.h"

namespace raglan::rag {
namespace {

// What the search stage brings. The sentences are chosen there because it takes milliseconds for
// many passages.
struct Evidence {
  Retrieved retrieved;
  std::vector<SentenceCandidate> sentences;
};

} // namespace

net::Task<Result<ComputedAnswer>> AnswerRun::run() {
  if (config_.retrieval.mode != RetrievalMode::kLexical) {
    if (auto ok = co_await embed_query(); !ok) co_return forward_error(ok);
  }
  if (auto ok = co_await retrieve_sources(); !ok) co_return forward_error(ok);
  if (request_.mode == QueryMode::kAnswer) {
    if (auto ok = co_await compose_answer(); !ok) co_return forward_error(ok);
  }
  co_return ComputedAnswer{std::make_shared<const Answer>(std::move(answer_)), std::move(timings_)};
}

Result<> AnswerRun::begin_stage() {
  stage_started_ = parts_.clock.now();
  if (!request_.deadline.expired(stage_started_)) return {};
  return fail(ErrorCode::kDeadlineExceeded, "the request's deadline has passed");
}

void AnswerRun::end_stage(std::string_view stage) {
  const Duration took = parts_.clock.now() - stage_started_;
  timings_.emplace_back(stage, took);
  if (parts_.on_stage) parts_.on_stage(stage, took);
}

// An embedder that cannot answer costs the dense side, not the request.
net::Task<Result<>> AnswerRun::embed_query() {
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

Result<> AnswerRun::lose_embedder(const Error& error) {
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
net::Task<Result<model::Embeddings>> AnswerRun::embed(std::vector<std::string> texts) {
  co_return co_await model::await_embedding(parts_.embedder, model::join_in_place, std::move(texts),
                                            model::EmbeddingPriority::kQuery, request_.deadline,
                                            parts_.clock);
}

net::Task<Result<>> AnswerRun::retrieve_sources() {
  if (auto ok = begin_stage(); !ok) co_return ok;
  store::SearchRequest search;
  search.collection = request_.collection;
  search.query_vector = query_vector_;
  const bool dense_only = config_.retrieval.mode == RetrievalMode::kDense && !query_vector_.empty();
  if (!dense_only) search.query_text = lexical_query(request_.query);
  search.filter = request_.filter;
  search.candidates = std::max(config_.retrieval.candidates, request_.top_k);
  const bool answering = request_.mode == QueryMode::kAnswer;
  auto work = [&store = parts_.store, &config = config_, search = std::move(search),
               question = request_.query, top_k = request_.top_k, answering]() -> Result<Evidence> {
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

net::Task<Result<>> AnswerRun::compose_answer() {
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
      compose_extractive(query_vector_, sentences_, vectors, config_.extractive);
  answer_.text = std::move(composed.text);
  answer_.found = composed.found;
  end_stage("answer");
  co_return Result<>();
}

} // namespace raglan::rag
