#include "postgres_store/lexical_hits.h"

#include <algorithm>
#include <boost/unordered/unordered_flat_set.hpp>

#include "postgres_store/postings.h"

namespace raglan::postgres_store {

using store::Term;

Result<LexicalHits> LexicalHits::score(const std::map<Term, float>& question,
                                       const postgres::Rows& postings, const postgres::Rows& dead,
                                       const LexicalStatistics& statistics) {
  boost::unordered_flat_set<std::uint64_t> gone;
  gone.reserve(dead.size());
  for (std::size_t i = 0; i < dead.size(); ++i) {
    gone.insert(static_cast<std::uint64_t>(dead.int64(i, 0)));
  }
  std::map<Term, std::vector<Posting>> by_term;
  for (std::size_t i = 0; i < postings.size(); ++i) {
    auto& entries = by_term[static_cast<Term>(postings.int64(i, 0))];
    if (auto ok = decode_postings(postings.text(i, 1), entries); !ok) return forward_error(ok);
  }
  LexicalHits hits;
  hits.question_terms_ = static_cast<std::uint32_t>(question.size());
  const auto average = static_cast<float>(statistics.terms) /
                       static_cast<float>(std::max<std::uint64_t>(statistics.chunks, 1));
  const store::Saturation saturation({}, std::max(average, 1.0f));
  store::QuestionWeight weight_of(statistics.chunks);
  for (const auto& [term, count] : question) {
    std::vector<Posting>& entries = by_term[term];
    if (!gone.empty()) {
      std::erase_if(entries, [&](const Posting& each) { return gone.contains(each.chunk_id); });
    }
    const float weight = weight_of.add(count, entries.size());
    for (const Posting& each : entries) {
      hits.scores_[each.chunk_id] += weight * saturation(static_cast<float>(each.occurrences),
                                                         static_cast<float>(each.length_terms));
    }
  }
  hits.ceiling_ = weight_of.ceiling();
  hits.rare_term_ratio_ = weight_of.rare_term_ratio();
  return hits;
}

std::vector<store::IndexHit> LexicalHits::best(std::size_t count) const {
  store::TopHits top(count);
  for (const auto& [chunk_id, score] : scores_) {
    if (top.wants(score)) top.add({score, chunk_id, 0});
  }
  return top.take();
}

} // namespace raglan::postgres_store
