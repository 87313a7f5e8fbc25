#include "rag/answer_run.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/log.h"
#include "model/await_embedding.h"
#include "net/pause.h"
#include "rag/citations.h"
#include "rag/prompt.h"
#include "rag/query_key.h"

namespace raglan::rag {
namespace {

// What it says about how many calls the model takes at a time. A fallback's answer says nothing.
policy::LimitOutcome outcome_of(const Result<model::Generation>& made, Duration took,
                                Duration usual) {
  using policy::LimitOutcome;
  if (!made) return policy::limit_outcome_of_failure(made.error().code, took, usual);
  return made->fallback ? LimitOutcome::kIgnored : LimitOutcome::kSuccess;
}

// Of those who wait for the language model.
std::function<std::size_t()> count_waiting(const Overload* overload) {
  if (overload == nullptr) return {};
  return [overload] {
    const auto waiting = overload->admission(Overload::Work::kGeneration).waiting;
    return std::accumulate(waiting.begin(), waiting.end(), std::size_t{0});
  };
}

} // namespace

net::Task<Result<ComputedAnswer>> AnswerRun::run() {
  auto reused = co_await compute();
  if (!reused) co_return forward_error(reused);
  if (*reused) co_return std::move(**reused);
  if (is_written() && answer_.found) {
    if (auto ok = co_await write_answer(); !ok) co_return forward_error(ok);
  }
  if (similar_ && answer_.is_full_quality()) {
    stages_.reuse.settle(request_, query_vector_, *similar_, answer_);
  }
  ComputedAnswer computed{std::make_shared<const Answer>(std::move(answer_)), layer_, calls_,
                          std::move(timings_)};
  computed.short_of_time = short_of_time_;
  co_return computed;
}

net::Task<Result<std::optional<ComputedAnswer>>> AnswerRun::compute() {
  if (generation_) {
    passages_ = co_await stages_.retrieval.find(request_, *generation_, redis_failed_);
  }
  if (passages_) layer_ = CacheLayer::kRetrieval;
  const bool answering = request_.mode == QueryMode::kAnswer;
  if (passages_ && !answering) {
    take_passages();
    co_return std::nullopt;
  }
  auto place = co_await enter(Overload::Work::kComputing, "queue");
  if (!place) co_return forward_error(place);
  if (config_.retrieval.mode != RetrievalMode::kLexical) {
    if (auto ok = co_await embed_query(); !ok) co_return forward_error(ok);
    if (auto reused = co_await reuse()) co_return reused;
  }
  if (!passages_) {
    if (auto ok = co_await retrieve(); !ok) co_return forward_error(ok);
  }
  take_passages();
  if (answering && !(is_written() && answer_.found)) {
    if (auto ok = co_await compose_answer(); !ok) co_return forward_error(ok);
  }
  place->report(policy::LimitOutcome::kSuccess);
  co_return std::nullopt;
}

bool AnswerRun::is_written() const {
  return request_.mode == QueryMode::kAnswer && parts_.generator != nullptr;
}

void AnswerRun::take_passages() {
  answer_.generation = passages_->generation;
  answer_.sources = passages_->sources;
  answer_.found = !answer_.sources.empty();
}

net::Task<Result<AnswerRun::Place>> AnswerRun::enter(Overload::Work work, std::string_view stage) {
  if (parts_.overload == nullptr) co_return Place();
  const MonotonicTime began = parts_.clock.now();
  auto place = co_await parts_.overload->enter(work, request_);
  if (!place || place->waited() > Duration::zero()) {
    note_stage(stage, parts_.clock.now() - began);
  }
  co_return place;
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
  note_stage(stage, parts_.clock.now() - stage_started_);
}

void AnswerRun::note_stage(std::string_view stage, Duration took) {
  const auto before = std::ranges::find(timings_, stage, &StageTimings::value_type::first);
  if (before != timings_.end()) {
    before->second += took; // it has waited more than once
  } else {
    timings_.emplace_back(stage, took);
  }
  if (parts_.on_stage) parts_.on_stage(stage, took);
}

// An embedder that cannot answer costs the dense side, not the request.
net::Task<Result<>> AnswerRun::embed_query() {
  if (auto ok = begin_stage(); !ok) co_return ok;
  std::vector<std::string> texts{normalise_query(request_.searched())};
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
  if (const auto left_out = stages_.failures.embedder.admit(parts_.clock.now())) {
    log_warning("embedding failed, going on by words alone",
                {{"code", error_code_name(code)}, {"left_out", *left_out}});
  }
  degrade(1, "embedder_unavailable");
  return {};
}

void AnswerRun::degrade(std::uint32_t level, std::string_view reason) {
  answer_.degraded_level = std::max(answer_.degraded_level, level);
  answer_.degraded_reasons.emplace_back(reason);
}

// A question and its sentences are short: their tokens are counted in place.
net::Task<Result<model::EmbeddingReply>> AnswerRun::embed(std::vector<std::string> texts) {
  model::EmbeddingRequest request{.tenant = request_.collection.tenant,
                                  .texts = std::move(texts),
                                  .priority = request_.background
                                                  ? model::EmbeddingPriority::kIngest
                                                  : model::EmbeddingPriority::kQuery,
                                  .deadline = request_.deadline,
                                  .bypass = request_.cache == CacheMode::kBypass,
                                  .ask_redis = !redis_failed_};
  const net::Submit in_place = model::join_in_place;
  auto reply = co_await model::await_embedding(parts_.embeddings, in_place, std::move(request));
  if (!reply) co_return forward_error(reply);
  redis_failed_ |= reply->redis_failed;
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

net::Task<Result<>> AnswerRun::write_answer() {
  if (auto ok = begin_stage(); !ok) co_return ok;
  static const Conversation kNone;
  const Conversation& conversation = request_.conversation ? *request_.conversation : kNone;
  PromptOptions options{config_.prompt, parts_.generator->traits()};
  options.max_tokens = answer_tokens(conversation.max_tokens, options);
  Prompt prompt = build_prompt(request_.query, conversation.history, answer_.sources, options);
  if (prompt.passages == 0) {
    degrade(kPassagesAlone, "context_too_small");
    co_return Result<>();
  }
  if (stages_.live != nullptr) stages_.live->begin(std::make_shared<const Answer>(answer_));
  auto entered = co_await enter(Overload::Work::kGeneration, "generation_queue");
  if (!entered) co_return lose_place(entered.error());
  std::optional<Place> place(std::move(*entered));
  std::optional<Error> lost; // the place, while it waited for the provider's quota
  stage_started_ = parts_.clock.now();
  CitationFilter citations(prompt.passages);
  std::string text;
  auto show = [&](const std::string& shown) {
    if (text.empty() && !shown.empty()) end_stage("first_token");
    text += shown;
    if (stages_.live != nullptr) stages_.live->append(shown);
  };
  model::Generator::OnText on_text = [&](std::string_view piece) { show(citations.feed(piece)); };
  model::GenerationRequest request{
      .messages = std::move(prompt.messages),
      .max_tokens = options.max_tokens,
      .sampling = conversation.sampling,
      .deadline = policy::generation_deadline(request_.deadline, stage_started_),
      .tier = request_.background ? policy::Tier::kIngest : request_.tier,
      .waiting = count_waiting(parts_.overload),
      .wait_for_turn = [&](Duration wait) { return wait_without(place, wait, lost); }};
  ++calls_;
  if (request_.model_asked) *request_.model_asked = true;
  auto made = co_await parts_.generator->generate(std::move(request), on_text);
  if (lost) co_return lose_place(*lost);
  if (made) show(citations.finish());
  end_stage("generate");
  if (place) place->report(outcome_of(made, timings_.back().second, place->usual()));
  if (!made) co_return lose_generator(made.error(), !text.empty());
  if (text.find_first_not_of(" \t\r\n") == text.npos) {
    degrade(kPassagesAlone, "generator_empty");
    co_return Result<>();
  }
  // Not what was asked for, though all of it: it is not kept in the other's place.
  if (made->fallback) degrade(0, "generator_fallback");
  answer_.text = std::move(text);
  answer_.author = Authorship{.model = std::move(made->model),
                              .finish = made->finish,
                              .usage = made->usage,
                              .truncated = prompt.truncated,
                              .citations_removed = citations.removed()};
  co_return Result<>();
}

// Whoever waits for the provider's quota works on nothing: others have the place meanwhile, and the
// wait says nothing about how busy this node is.
net::Task<Result<>> AnswerRun::wait_without(std::optional<Place>& place, Duration wait,
                                            std::optional<Error>& lost) {
  place.reset();
  const MonotonicTime began = parts_.clock.now();
  if (auto ok = co_await net::pause(wait); !ok) co_return forward_error(ok);
  note_stage("quota", parts_.clock.now() - began);
  auto entered = co_await enter(Overload::Work::kGeneration, "generation_queue");
  if (entered) {
    place.emplace(std::move(*entered));
    stage_started_ = parts_.clock.now();
    co_return Result<>();
  }
  lost = entered.error();
  co_return forward_error(entered);
}

// It has waited in vain, or there is too little time left; while somebody waits, the passages are
// better than nothing.
Result<> AnswerRun::lose_place(const Error& error) {
  const bool too_late =
      error.code == ErrorCode::kDeadlineExceeded && request_.deadline.expired(parts_.clock.now());
  const bool is_busy =
      error.code == ErrorCode::kOverloaded || error.code == ErrorCode::kDeadlineExceeded;
  if (too_late || !is_busy) return std::unexpected(error);
  degrade(kPassagesAlone, "overload");
  short_of_time_ = error.code == ErrorCode::kDeadlineExceeded;
  return {};
}

Result<> AnswerRun::lose_generator(const Error& error, bool interrupted) {
  const ErrorCode code = error.code;
  const bool too_late =
      code == ErrorCode::kDeadlineExceeded && request_.deadline.expired(parts_.clock.now());
  if (code == ErrorCode::kClientClosed || too_late) return std::unexpected(error);
  short_of_time_ = code == ErrorCode::kDeadlineExceeded;
  if (const auto left_out = stages_.failures.generator.admit(parts_.clock.now())) {
    log_warning("generation failed, the passages are the answer",
                {{"code", error_code_name(code)}, {"left_out", *left_out}});
  }
  degrade(kPassagesAlone, interrupted                        ? kInterrupted
                          : code == ErrorCode::kOverloaded   ? "generator_throttled"
                          : code == ErrorCode::kInvalidField ? "generator_refused"
                                                             : "generator_unavailable");
  return {};
}

} // namespace raglan::rag
