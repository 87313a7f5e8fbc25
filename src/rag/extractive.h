// Answers without a language model: the best sentences of the passages, each with its citation.
//
//   auto candidates = candidate_sentences(question, sources, config);
//   auto vectors = …;  // one per candidate, or none: the embedder is away
//   ExtractiveAnswer answer = compose_extractive(question, query_vector, candidates, vectors, {});
//
// Two steps, because the vectors come from a batch queue in between. Every sentence of an answer
// stands word for word in the passage that it cites; when none is near enough to the question the
// answer says that nothing was found.
//
// Pure; thread safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/table.h"
#include "rag/query.h"

namespace raglan::rag {

struct ExtractiveConfig {
  std::uint32_t max_candidates = 20; // sentences that are embedded for one question
  std::uint32_t max_sentences = 4;   // in an answer
  double min_cosine = 0.45;          // of the best sentence; below it nothing was found
};

inline void describe(config::Table<ExtractiveConfig>& table) {
  table
      .field("max_candidates", &ExtractiveConfig::max_candidates,
             "sentences that are embedded for one question")
      .min(1)
      .max(256);
  table.field("max_sentences", &ExtractiveConfig::max_sentences, "sentences of an answer, at most")
      .min(1)
      .max(20);
  table
      .field("min_cosine", &ExtractiveConfig::min_cosine,
             "of the best sentence and the question; below it nothing was found")
      .min(0)
      .max(1);
}

// A sentence that may answer, verbatim from source `n`.
struct SentenceCandidate {
  std::uint32_t n = 0;
  std::string text;
  double lexical = 0; // share of the question's words that it has, 0 to 1
};

struct ExtractiveAnswer {
  std::string text; // never empty: kNothingFound when `found` is false
  bool found = false;
};

inline constexpr std::string_view kNothingFound =
    "Nothing in this collection answers the question.";

// At most config.max_candidates; none when there are no sources.
std::vector<SentenceCandidate> candidate_sentences(std::string_view question,
                                                   std::span<const Source> sources,
                                                   const ExtractiveConfig& config);

// `vectors`: one row per candidate, of query_vector's dimension and length 1; empty (or an empty
// query_vector) scores by words alone.
ExtractiveAnswer compose_extractive(std::span<const float> query_vector,
                                    std::span<const SentenceCandidate> candidates,
                                    std::span<const float> vectors, const ExtractiveConfig& config);

} // namespace raglan::rag
