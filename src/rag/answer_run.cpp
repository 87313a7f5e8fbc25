#include "rag/answer_run.h"

#include <utility>

#include "base/log.h"
#include "model/await_embedding.h"
#include "rag/query_key.h"

namespace raglan::rag {

net::Task<Result<ComputedAnswer>> AnswerRun::run() {
  if (generation_) {
    passages_ = co_await stages_.retrieval.find(request_, *generation_, !redis_failed_);
  }
  if (passages_) layer_ = CacheLayer::kRetrieval;
  const bool answering = request_.mode == QueryMode::kAnswer;
  const bool needs_vector = config_.retrieval.mode != RetrievalMode::kLexical;
  if (needs_vector && (answering || !passages_)) {
    if (auto ok = co_await embed_query(); !ok) co_return forward_error(ok);
    if (auto reused = co_await reuse()) co_return std::move(*reused);
  }
  if (!passages_) {
    if (auto ok = co_await retrieve(); !ok) co_return forward_error(ok);
  }
  answer_.generation = passages_->generation;
  answer_.sources = passages_->sources;
  answer_.found = !answer_.sources.empty();
  if (answering) {
    if (auto ok = co_await compose_answer(); !ok) co_return forward_error(ok);
  }
  if (similar_ && answer_.degraded_level == 0) {
    stages_.reuse.settle(request_, query_vector_, *similar_, answer_);
  }
  co_return ComputedAnswer{std::make_shared<const Answer>(std::move(answer_)), layer_, calls_,
                           std::move(timings_)};
}

net::Task<std::optional<ComputedAnswer>> AnswerRun::reuse() {
  if (!generation_ || query_vector_.empty() || !stages_.reuse.serves(request_)) {
    co_return std::nullopt;
  }
  stage_started_ = parts_.clock.now();
  similar_ = co_await stages_.reuse.find(request_, *generation_, query_vector_);
  end_stage("reuse");
  auto answer = similar_->reusable_answer();
  if (!answer) co_return std::nullopt;
  ComputedAnswer reused{std::move(answer), CacheLayer::kQuery, calls_, std::move(timings_)};
  reused.reuse = Reuse{similar_->question->similarity, answer_.embedding_tokens};
  co_return reused;
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
  std::vector<std::string> texts{normalise_query(request_.query)};
  auto embedded = co_await embed(std::move(texts));
  end_stage("embed");
  if (embedded) {
    if (embedded->computed_texts == 0 && !layer_) layer_ = CacheLayer::kEmbedding;
    query_vector_ = std::move(embedded->embeddings.values);
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
net::Task<Result<model::EmbeddingReply>> AnswerRun::embed(std::vector<std::string> texts) {
  model::EmbeddingRequest request{.tenant = request_.collection.tenant,
                                  .texts = std::move(texts),
                                  .priority = request_.background
                                                  ? model::EmbeddingPriority::kIngest
                                                  : model::EmbeddingPriority::kQuery,
                                  .deadline = request_.deadline,
                                  .bypass = request_.cache == CacheMode::kBypass};
  const net::Submit in_place = model::join_in_place;
  auto reply = co_await model::await_embedding(parts_.embeddings, in_place, std::move(request));
  if (!reply) co_return forward_error(reply);
  answer_.embedding_tokens += reply->computed_tokens;
  calls_ += reply->computed_texts > 0 ? 1 : 0;
  co_return std::move(*reply);
}

net::Task<Result<>> AnswerRun::retrieve() {
  if (auto ok = begin_stage(); !ok) co_return ok;
  bool joined = false;
  ++calls_;
  auto passages = co_await stages_.retrieval.run(request_, query_vector_, generation_, joined);
  end_stage("retrieve");
  if (!passages) co_return forward_error(passages);
  passages_ = std::move(*passages);
  co_return Result<>();
}

net::Task<Result<std::vector<SentenceCandidate>>> AnswerRun::choose_sentences() {
  auto work = [question = request_.query, passages = passages_,
               &config = config_.extractive]() -> Result<std::vector<SentenceCandidate>> {
    return candidate_sentences(question, passages->sources, config);
  };
  co_return co_await net::offload(parts_.search, std::move(work), request_.deadline, parts_.clock);
}

net::Task<Result<>> AnswerRun::compose_answer() {
  if (auto ok = begin_stage(); !ok) co_return ok;
  auto sentences = co_await choose_sentences();
  if (!sentences) co_return forward_error(sentences);
  std::vector<float> vectors;
  if (!query_vector_.empty() && !sentences->empty()) {
    std::vector<std::string> texts;
    for (const SentenceCandidate& sentence : *sentences) texts.push_back(sentence.sentence);
    auto embedded = co_await embed(std::move(texts));
    if (embedded) {
      vectors = std::move(embedded->embeddings.values);
    } else {
      if (auto ok = lose_embedder(embedded.error()); !ok) co_return ok;
    }
  }
  ExtractiveAnswer composed =
      compose_extractive(query_vector_, *sentences, vectors, config_.extractive);
  answer_.text = std::move(composed.text);
  answer_.found = composed.found;
  end_stage("answer");
  co_return Result<>();
}

} // namespace raglan::rag
