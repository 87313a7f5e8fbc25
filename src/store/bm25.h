// BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009) with Lucene's idf,
// in the parts that every lexical index of Raglan shares, so that all rank alike.
//
// The score of a chunk is the sum, over the question's terms that it holds, of weight × saturation.
//
// Pure functions.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>

#include "store/analyzer.h"

namespace raglan::store {

struct Bm25Config {
  // Saturation and length normalisation. Chunks differ little in length, so that length says less
  // than in whole documents (for which 1.2 and 0.75 are usual).
  float k1 = 0.9f;
  float b = 0.4f;
};

// A question's terms; one asked for twice counts twice.
inline std::map<Term, float> question_terms(std::string_view text) {
  std::map<Term, float> counts;
  for (const Term term : analyze(text)) ++counts[term];
  return counts;
}

// Of a term that `frequency` of so many chunks hold. Never negative.
inline float inverse_document_frequency(std::size_t chunks, std::size_t frequency) {
  const auto all = static_cast<float>(chunks);
  const auto holding = static_cast<float>(frequency);
  return std::log(1 + (all - holding + 0.5f) / (holding + 0.5f));
}

// How much a term that occurs so often says of a chunk of that length, in terms; below 1.
class Saturation {
 public:
  Saturation(const Bm25Config& config, float average_length_terms)
      : short_norm_(config.k1 * (1 - config.b)),
        length_norm_(config.k1 * config.b / average_length_terms) {}

  float operator()(float occurrences, float length_terms) const {
    return occurrences / (occurrences + short_norm_ + length_norm_ * length_terms);
  }

 private:
  const float short_norm_;
  const float length_norm_;
};

// What is said of the question as a whole (SearchResult), gathered term by term.
class QuestionWeight {
 public:
  explicit QuestionWeight(std::size_t chunks)
      : chunks_(chunks), rarest_(inverse_document_frequency(chunks, 1)) {}

  // A term's weight: its idf, times how often it was asked for.
  float add(float count, std::size_t frequency) {
    const float idf = inverse_document_frequency(chunks_, frequency);
    const float weight = idf * count;
    ceiling_ += weight;
    if (frequency > 0) rare_term_ = std::max(rare_term_, weight * idf / rarest_);
    return weight;
  }

  float ceiling() const { return ceiling_; }
  float rare_term_ratio() const { return ceiling_ > 0 ? rare_term_ / ceiling_ : 0; }

 private:
  const std::size_t chunks_;
  const float rarest_;
  float ceiling_ = 0;
  float rare_term_ = 0;
};

} // namespace raglan::store
