// One question answered, its own entry in the query cache left aside: embed → passages → compose or
// write, or the answer to a similar question. Internal to rag/.
#pragma once

#include <vector>

#include "model/await_embedding.h"
#include "rag/pipeline.h"

namespace raglan::rag {

class AnswerRun {
 public:
  struct Stages {
    RetrievalStage& retrieval;
    ReuseStage& reuse;
    LiveAnswer* live; // told of the answer while it is written; may be null
    FailureLog& failures;
  };
  // All must outlive the run; it owns the rest. Without a `generation` the retrieval cache is not
  // asked, nor are similar questions; with `redis_failed` only this process' is.
  AnswerRun(const PipelineConfig& config, const Pipeline::Parts& parts, Stages stages,
            QueryRequest request, std::optional<store::Generation> generation, bool redis_failed)
      : config_(config),
        parts_(parts),
        stages_(stages),
        request_(std::move(request)),
        generation_(generation),
        redis_failed_(redis_failed) {}

  net::Task<Result<ComputedAnswer>> run();

 private:
  using Place = Overload::Place;

  // A place for the work, with the wait for it as a stage when there was one.
  net::Task<Result<Place>> enter(Overload::Work work, std::string_view stage);
  // All but what a language model has a part in; or another question's answer.
  net::Task<Result<std::optional<ComputedAnswer>>> compute();
  bool is_written() const; // by a language model
  void take_passages();
  // Starts a stage: refuses when the deadline has passed.
  Result<> begin_stage();
  void end_stage(std::string_view stage);
  void note_stage(std::string_view stage, Duration took);
  net::Task<Result<>> embed_query();
  // Another question's answer, if that may be had. Otherwise nothing, with what was found noted.
  net::Task<std::optional<ComputedAnswer>> reuse();
  net::Task<Result<>> retrieve();
  net::Task<Result<>> compose_answer();
  // By the language model. When that fails the passages are the answer, at level 2.
  net::Task<Result<>> write_answer();
  Result<> lose_place(const Error& error);
  // For the provider's quota. `lost`: why there was no place afterwards.
  net::Task<Result<>> wait_without(std::optional<Place>& place, Duration wait,
                                   std::optional<Error>& lost);
  Result<> lose_generator(const Error& error, bool interrupted);
  // The best sentences of the passages: milliseconds for many of them, so on the search executor.
  net::Task<Result<std::vector<SentenceCandidate>>> choose_sentences();
  // What this takes is counted in the answer.
  net::Task<Result<model::EmbeddingReply>> embed(std::vector<std::string> texts);
  // Goes on without the embedder, at level 1; an error when nobody waits for the answer any more.
  Result<> lose_embedder(const Error& error);
  void degrade(std::uint32_t level, std::string_view reason);

  const PipelineConfig& config_;
  const Pipeline::Parts& parts_;
  const Stages stages_;
  const QueryRequest request_;
  const std::optional<store::Generation> generation_;
  bool redis_failed_; // a moment ago: each question waits for it once
  Answer answer_;
  std::optional<CacheLayer> layer_;
  std::uint32_t calls_ = 0;
  StageTimings timings_;
  bool short_of_time_ = false;
  std::vector<float> query_vector_;
  std::optional<ReuseStage::Similar> similar_; // empty: not asked
  RetrievalStage::Passages passages_;
  MonotonicTime stage_started_{};
};

} // namespace raglan::rag
