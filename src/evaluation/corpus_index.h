// A labelled collection's documents in a store: chunked, embedded, written, as an ingest does it.
//
// All chunks are embedded in one go, sorted by length: sorting within each document, or within a
// queue's small batches, would compute more padding.
#pragma once

#include <cstddef>

#include "base/result.h"
#include "evaluation/evaluate.h"

namespace raglan::evaluation {

// Texts given to the embedder at a time; it makes its batches of these.
inline constexpr std::size_t kTextsPerCall = 512;

struct IndexedCorpus {
  std::size_t chunks = 0;
  Duration prepare{};
  Duration embed{};
  Duration write{};
};

// Into `key`'s collection.
Result<IndexedCorpus> index_corpus(const BeirCollection& collection, const EvaluationParts& parts,
                                   const store::CollectionKey& key, const EvaluationConfig& config);

} // namespace raglan::evaluation
