// A question's way from text to cited answer.
//
//   generation → query cache → embed → search, fuse, read passages → answer → query cache
//
// Questions that are the same to the cache and come while the first of them is being answered share
// that answer (net/single_flight.h); those that bypass or refresh the cache do not.
//
// Each stage has a deadline check before it (no stage starts when the deadline has passed), waits
// for its executor until the deadline and no longer, and has its time in the reply. Without an
// embedder the search is BM25 alone (level 1). A degraded answer never enters the cache; an answer
// enters it under the generation that was searched, so a write that happened
// meanwhile makes it unreachable, not stale.
//
// Thread safety: `run` may be called from any event loop, concurrently. Nothing here blocks: search
// and SQL run on the executor behind `search`, inference behind the embedding queue.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "cache/local_cache.h"
#include "model/embedding_queue.h"
#include "net/offload.h"
#include "net/single_flight.h"
#include "net/task.h"
#include "rag/extractive.h"
#include "rag/generation_reader.h"
#include "rag/query.h"
#include "rag/retrieval_config.h"
#include "store/store.h"

namespace raglan::rag {

struct PipelineConfig {
  RetrievalConfig retrieval;
  ExtractiveConfig extractive;
  cache::LocalCacheConfig query_cache;
};

// An answer just computed, and what it took.
struct ComputedAnswer {
  std::shared_ptr<const Answer> answer;
  StageTimings timings;
};

class Pipeline {
 public:
  struct Parts {
    store::Store& store;
    model::EmbeddingQueue& embedder;
    net::Submit search; // the bounded executor for search and SQL
    const Clock& clock;
    // Called once for each stage that ran, for histograms; may be empty.
    std::function<void(std::string_view stage, Duration)> on_stage;
  };

  Pipeline(PipelineConfig config, Parts parts);

  // Errors: kNotFound (no such collection), kNotCached, kDeadlineExceeded, kOverloaded, and what
  // the store reports.
  net::Task<Result<QueryReply>> run(QueryRequest request);

  cache::LocalCacheStats query_cache_stats() const { return query_cache_.stats(); }

 private:
  class Run;

  // Caches left aside until the answer is there; then it is kept.
  net::Task<Result<ComputedAnswer>> compute(QueryRequest request);

  PipelineConfig config_;
  Parts parts_;
  const Hash128 config_key_;
  GenerationReader generations_;
  cache::LocalCache<Answer> query_cache_;
  net::SingleFlight<ComputedAnswer> answers_;
};

} // namespace raglan::rag
