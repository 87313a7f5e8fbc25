// One question answered, caches left aside: embed → search, fuse, read passages → compose.
// Internal to rag/.
#pragma once

#include <vector>

#include "rag/pipeline.h"

namespace raglan::rag {

class AnswerRun {
 public:
  // Both must outlive the run; it owns the rest.
  AnswerRun(const PipelineConfig& config, const Pipeline::Parts& parts, QueryRequest request)
      : config_(config), parts_(parts), request_(std::move(request)) {}

  net::Task<Result<ComputedAnswer>> run();

 private:
  // Starts a stage: refuses when the deadline has passed.
  Result<> begin_stage();
  void end_stage(std::string_view stage);
  net::Task<Result<>> embed_query();
  net::Task<Result<>> retrieve_sources();
  net::Task<Result<>> compose_answer();
  net::Task<Result<model::Embeddings>> embed(std::vector<std::string> texts);
  // Goes on without the embedder, at level 1; an error when nobody waits for the answer any more.
  Result<> lose_embedder(const Error& error);

  const PipelineConfig& config_;
  const Pipeline::Parts& parts_;
  const QueryRequest request_;
  Answer answer_;
  StageTimings timings_;
  std::vector<float> query_vector_;
  std::vector<SentenceCandidate> sentences_; // of answer_.sources
  MonotonicTime stage_started_{};
};

} // namespace raglan::rag
