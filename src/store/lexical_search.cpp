#include "store/lexical_search.h"

#include <algorithm>
#include <map>

namespace raglan::store {
namespace {

// With fewer postings than this part of the rows, remembering the touched rows is cheaper.
constexpr std::size_t kRememberRatio = 16;

std::vector<float>& scores_of_this_thread() {
  thread_local std::vector<float> scores;
  return scores;
}

} // namespace

LexicalSearch::LexicalSearch(const IndexView& view, const IndexConfig& config,
                             std::string_view text)
    : view_(view), config_(config), scores_(scores_of_this_thread()) {
  if (scores_.size() < view_.rows()) scores_.resize(view_.rows());
  const std::vector<Weighted> terms = weigh(text);
  remember_ = postings_ * kRememberRatio < view_.rows();
  for (const Weighted& term : terms) add_term(term);
}

LexicalSearch::~LexicalSearch() {
  if (remember_) {
    for (const std::uint32_t row : touched_) scores_[row] = 0;
  } else if (postings_ > 0) {
    std::fill_n(scores_.begin(), view_.rows(), 0.0f);
  }
}

std::vector<LexicalSearch::Weighted> LexicalSearch::weigh(std::string_view text) {
  const std::map<Term, float> counts = store::question_terms(text);
  question_terms_ = static_cast<std::uint32_t>(counts.size());
  std::vector<Weighted> terms;
  QuestionWeight question(view_.live_rows());
  for (const auto& [term, count] : counts) {
    const std::size_t frequency = document_frequency(term);
    const float weight = question.add(count, frequency);
    if (frequency == 0) continue;
    for (const auto& part : view_.parts()) postings_ += part.segment->postings(term).rows.size();
    terms.push_back({term, weight});
  }
  ceiling_ = question.ceiling();
  rare_term_ratio_ = question.rare_term_ratio();
  return terms;
}

std::size_t LexicalSearch::document_frequency(Term term) const {
  std::size_t frequency = 0;
  for (const auto& [segment, deletions, graph] : view_.parts()) {
    const auto rows = segment->postings(term).rows;
    frequency += rows.size();
    if (!deletions) continue;
    for (const std::uint32_t row : rows) frequency -= deletions->rows[row];
  }
  return frequency;
}

void LexicalSearch::add_term(const Weighted& term) {
  for (std::size_t part = 0; part < view_.parts().size(); ++part) {
    const Postings postings = view_.parts()[part].segment->postings(term.term);
    const bool filter = !view_.all_eligible(part);
    if (remember_ && filter) add_postings<true, true>(part, postings, term.weight);
    if (remember_ && !filter) add_postings<true, false>(part, postings, term.weight);
    if (!remember_ && filter) add_postings<false, true>(part, postings, term.weight);
    if (!remember_ && !filter) add_postings<false, false>(part, postings, term.weight);
  }
}

template <bool kRemember, bool kFilter>
void LexicalSearch::add_postings(std::size_t part, const Postings& postings, float weight) {
  const Saturation saturation(config_.bm25, view_.average_length_terms());
  const std::uint32_t* lengths = view_.parts()[part].segment->row_lengths().data();
  float* scores = scores_.data() + view_.base(part);
  for (std::size_t i = 0; i < postings.rows.size(); ++i) {
    const std::uint32_t row = postings.rows[i];
    if (kFilter && !view_.eligible(part, row)) continue;
    const auto tf = static_cast<float>(postings.frequencies[i]);
    const auto length = static_cast<float>(lengths[row]);
    if (kRemember && scores[row] == 0) touched_.push_back(view_.base(part) + row);
    scores[row] += weight * saturation(tf, length);
  }
}

std::vector<IndexHit> LexicalSearch::best(std::uint32_t count) const {
  TopHits top(count);
  const auto offer = [&](std::size_t part, std::uint32_t row) {
    top.add({scores_[row], view_.parts()[part].segment->chunk_id(row - view_.base(part)), row});
  };
  if (remember_) {
    for (const std::uint32_t row : touched_) {
      if (top.wants(scores_[row])) offer(view_.part_of(row), row);
    }
    return top.take();
  }
  for (std::size_t part = 0; part < view_.parts().size(); ++part) {
    for (std::uint32_t row = view_.base(part); row < view_.base(part + 1); ++row) {
      if (scores_[row] > 0 && top.wants(scores_[row])) offer(part, row);
    }
  }
  return top.take();
}

} // namespace raglan::store
