// Answers without a language model: the best sentences of the passages, each with its citation.
//
//   const auto candidates = candidate_sentences(question, sources, config);
//   std::vector<float> vectors = …;  // one per candidate's `sentence`; none: the embedder is away
//   ExtractiveAnswer answer = compose_extractive(query_vector, candidates, vectors, config);
//
// Two steps, because the vectors come from a batch queue in between, and bounded, because they are
// most of what an answer costs: at most `max_candidates` sentences of at most kMaxSentenceBytes,
// chosen by the question's words they hold and by their passage's rank (rag/sentence_candidates.h).
//
// A sentence's score is its cosine with the question, mixed with that of its passage: within a
// passage on the subject the sentence that answers often does not name the subject again. The best
// ones that say different things (Carbonell and Goldstein's maximal marginal relevance, 1998, with
// a fixed limit) are put back into their passages' order, best passage first.
//
// Every piece of an answer stands word for word in the passage that it cites; " … " between a term
// and what is said of it is where others were left out. When no sentence is
// near the question the answer says that nothing was found: see ExtractiveConfig::min_cosine.
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
  std::uint32_t max_candidates = 16; // sentences that are embedded for one question
  std::uint32_t max_sentences = 4;   // in an answer
  // Of the best sentence with the question; below it nothing was found. Chosen on questions that a
  // collection answers and questions that have nothing to do with it: docs/decisions has the
  // figures.
  double min_cosine = 0.45;
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

// A sentence that may answer.
struct SentenceCandidate {
  std::uint32_t n = 0;    // the source's number
  std::size_t start = 0;  // bytes of the source's text
  std::string term;       // verbatim: what the text defines, and stands before it; often empty
  std::string gap;        // between the two: verbatim when it is white space, else " … "
  std::string text;       // verbatim; may go on behind the sentence, with what its ':' announces
  std::string sentence;   // what is embedded: the term and the text's first sentence
  bool announces = false; // the text goes on behind the sentence
  bool loose = false;     // no sentence of prose (rag/sentence_candidates.h)
  std::size_t shared_words = 0;
  double lexical = 0; // share of the question's words that it has, 0 to 1
  double passage_cosine = 0;
};

struct ExtractiveAnswer {
  std::string text; // never empty: kNothingFound when `found` is false
  bool found = false;
};

inline constexpr std::string_view kNothingFound =
    "Nothing in this collection answers the question.";

// Most promising first; at most config.max_candidates; none when there are no sources.
std::vector<SentenceCandidate> candidate_sentences(std::string_view question,
                                                   std::span<const Source> sources,
                                                   const ExtractiveConfig& config);

// `vectors`: one row per candidate, of query_vector's dimension and length 1; empty (or an empty
// query_vector) scores by words alone.
ExtractiveAnswer compose_extractive(std::span<const float> query_vector,
                                    std::span<const SentenceCandidate> candidates,
                                    std::span<const float> vectors, const ExtractiveConfig& config);

} // namespace raglan::rag
