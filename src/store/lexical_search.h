// The lexical side of a search: BM25 over the whole question, term at a time, exact.
//
// Every posting of the question's terms adds to its row's sum, in one array for all rows (kept by
// the thread, zero between searches). A question with common words touches a good part of the rows;
// then the array is gone through as a whole, otherwise only the touched rows are remembered and
// gone through.
//
// Document frequencies and the average length count live rows only, so scores do not depend on what
// was deleted or how the index is divided; filters do not change them either.
//
// Not thread safe: make one for each search. One at a time in a thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "store/collection_index.h"
#include "store/index_view.h"
#include "store/top_hits.h"

namespace raglan::store {

class LexicalSearch {
 public:
  // Scores every eligible row.
  LexicalSearch(const IndexView& view, const IndexConfig& config, std::string_view text);
  ~LexicalSearch(); // leaves the array zero
  LexicalSearch(const LexicalSearch&) = delete;
  LexicalSearch& operator=(const LexicalSearch&) = delete;

  // What a row would score that held every term of the question without end, terms that no row
  // holds included: more than any row scores. 0 for a question without terms.
  float ceiling() const { return ceiling_; }
  // How many different terms the question has.
  std::uint32_t question_terms() const { return question_terms_; }
  // See SearchResult::rare_term_ratio.
  float rare_term_ratio() const { return rare_term_ratio_; }
  float score_of(std::uint32_t row) const { return scores_[row]; }
  // Best first; rows that hold none of the terms are no hits.
  std::vector<IndexHit> best(std::uint32_t count) const;

 private:
  struct Weighted {
    Term term = 0;
    float weight = 0; // idf, times how often it was asked for
  };
  std::vector<Weighted> weigh(std::string_view text);
  std::size_t document_frequency(Term term) const;
  void add_term(const Weighted& term);
  template <bool kRemember, bool kFilter>
  void add_postings(std::size_t part, const Postings& postings, float weight);

  const IndexView& view_;
  const IndexConfig& config_;
  std::vector<float>& scores_;
  float ceiling_ = 0;
  std::uint32_t question_terms_ = 0;
  float rare_term_ratio_ = 0;
  std::size_t postings_ = 0; // of all terms together
  bool remember_ = false;    // touched_ is filled
  std::vector<std::uint32_t> touched_;
};

} // namespace raglan::store
