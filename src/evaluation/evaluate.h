// Retrieval quality on a labelled collection: dense, BM25, and both fused, each by itself.
//
//   auto evaluation = evaluate(*load_beir(folder), {store, loop, embedder, clock}, {});
//
// Nothing is modelled: documents go through the chunker and into a store as in an ingest, questions
// through the store's search and the pipeline's fusion, with the settings that a node would use. A
// document's rank is that of its best chunk. Where the best chunks belong to fewer than ten
// documents, the search is repeated deeper.
//
// Thread safety: one evaluation at a time for a store, on a thread that is no event loop's; it
// blocks for as long as it takes to embed the collection.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "evaluation/beir.h"
#include "evaluation/ranking_metrics.h"
#include "ingest/chunker_config.h"
#include "model/embedder.h"
#include "net/detach.h"
#include "rag/retrieval_config.h"
#include "store/store.h"

namespace raglan::evaluation {

struct EvaluationProgress {
  std::size_t chunks_embedded = 0;
  std::size_t chunks_total = 0;
};

struct EvaluationConfig {
  ingest::ChunkerConfig chunker;
  rag::RetrievalConfig retrieval; // its `mode` is not used: all three are measured
  std::function<void(EvaluationProgress)> on_progress; // may be empty
};

struct EvaluationTimes {
  Duration prepare{};   // extraction and chunks
  Duration embed{};     // of all chunks
  Duration write{};     // into the store
  Duration questions{}; // their embedding
  Duration search{};    // of all questions, every side
  Duration total{};
};

struct Evaluation {
  std::string collection;
  std::size_t queries = 0;
  std::size_t documents = 0;
  std::size_t chunks = 0;
  RankingMetrics dense;
  RankingMetrics bm25;
  RankingMetrics hybrid;
  EvaluationTimes times;
};

struct EvaluationParts {
  store::Store& store;               // of the embedder's space
  boost::asio::any_io_executor loop; // on which the store is asked
  model::Embedder& embedder;
  const Clock& clock;
  store::CollectionKey collection{}; // into which the documents are written; it must be empty
};

// Errors: those of preparing a document (named by its id), of the embedder and of the store.
Result<Evaluation> evaluate(const BeirCollection& collection, const EvaluationParts& parts,
                            const EvaluationConfig& config);

} // namespace raglan::evaluation
