// One question answered, the query cache left aside: embed → passages → compose. Internal to rag/.
#pragma once

#include <vector>

#include "model/await_embedding.h"
#include "rag/pipeline.h"

namespace raglan::rag {

class AnswerRun {
 public:
  // All must outlive the run; it owns the rest. Without a `generation` the retrieval cache is not
  // asked; with `redis_failed` only this process' is.
  AnswerRun(const PipelineConfig& config, const Pipeline::Parts& parts, RetrievalStage& retrieval,
            QueryRequest request, std::optional<store::Generation> generation, bool redis_failed)
      : config_(config),
        parts_(parts),
        retrieval_(retrieval),
        request_(std::move(request)),
        generation_(generation),
        redis_failed_(redis_failed) {}

  net::Task<Result<ComputedAnswer>> run();

 private:
  // Starts a stage: refuses when the deadline has passed.
  Result<> begin_stage();
  void end_stage(std::string_view stage);
  net::Task<Result<>> embed_query();
  net::Task<Result<>> retrieve();
  net::Task<Result<>> compose_answer();
  // The best sentences of the passages: milliseconds for many of them, so on the search executor.
  net::Task<Result<std::vector<SentenceCandidate>>> choose_sentences();
  // What this takes is counted in the answer.
  net::Task<Result<model::EmbeddingReply>> embed(std::vector<std::string> texts);
  // Goes on without the embedder, at level 1; an error when nobody waits for the answer any more.
  Result<> lose_embedder(const Error& error);

  const PipelineConfig& config_;
  const Pipeline::Parts& parts_;
  RetrievalStage& retrieval_;
  const QueryRequest request_;
  const std::optional<store::Generation> generation_;
  const bool redis_failed_;
  Answer answer_;
  std::optional<CacheLayer> layer_;
  std::uint32_t calls_ = 0;
  StageTimings timings_;
  std::vector<float> query_vector_;
  RetrievalStage::Passages passages_;
  MonotonicTime stage_started_{};
};

} // namespace raglan::rag
