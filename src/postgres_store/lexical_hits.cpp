#include "postgres_store/lexical_hits.h"

#include <algorithm>
#include <boost/unordered/unordered_flat_set.hpp>
#include <string_view>

#include "postgres_store/postings.h"

namespace raglan::postgres_store {
namespace {

using store::Term;
using Ids = boost::unordered_flat_set<std::uint64_t>;

// What came of one term.
struct TermPostings {
  std::size_t chunks = 0; // that hold it
  std::vector<std::string_view> entries;
};

std::unexpected<Error> damaged() {
  return fail(ErrorCode::kCorrupt, "the store's postings are damaged");
}

} // namespace

Result<LexicalHits> LexicalHits::score(const std::map<Term, float>& question,
                                       const postgres::Rows& postings, const postgres::Rows& dead,
                                       const LexicalStatistics& statistics) {
  Ids gone;
  gone.reserve(dead.size());
  for (std::size_t i = 0; i < dead.size(); ++i) {
    gone.insert(static_cast<std::uint64_t>(dead.int64(i, 0)));
  }
  std::map<Term, TermPostings> by_term;
  for (std::size_t i = 0; i < postings.size(); ++i) {
    TermPostings& of_term = by_term[static_cast<Term>(postings.int64(i, 0))];
    of_term.chunks += static_cast<std::size_t>(postings.int32(i, 1));
    of_term.entries.push_back(postings.text(i, 2));
    if (gone.empty()) continue;
    const auto count_dead = [&](const Posting& each) {
      of_term.chunks -= gone.contains(each.chunk_id) ? 1 : 0;
    };
    if (!for_each_posting(of_term.entries.back(), count_dead)) return damaged();
  }
  LexicalHits hits;
  hits.question_terms_ = static_cast<std::uint32_t>(question.size());
  const auto average = static_cast<float>(statistics.terms) /
                       static_cast<float>(std::max<std::uint64_t>(statistics.chunks, 1));
  const store::Saturation saturation({}, std::max(average, 1.0f));
  store::QuestionWeight weight_of(statistics.chunks);
  for (const auto& [term, count] : question) {
    const TermPostings& of_term = by_term[term];
    const float weight = weight_of.add(count, of_term.chunks);
    std::uint64_t page = ~std::uint64_t{0};
    std::size_t begin = 0;
    const auto add = [&](const Posting& each) {
      if (!gone.empty() && gone.contains(each.chunk_id)) return;
      if (each.chunk_id >> kPageBits != page) {
        page = each.chunk_id >> kPageBits;
        begin = hits.page_of(each.chunk_id);
      }
      float& sum = hits.sums_[begin + each.chunk_id % kPageIds];
      if (sum == 0) ++hits.hits_;
      sum += weight * saturation(static_cast<float>(each.occurrences),
                                 static_cast<float>(each.length_terms));
    };
    for (const std::string_view entries : of_term.entries) {
      if (!for_each_posting(entries, add)) return damaged();
    }
  }
  hits.ceiling_ = weight_of.ceiling();
  hits.rare_term_ratio_ = weight_of.rare_term_ratio();
  return hits;
}

std::size_t LexicalHits::page_of(std::uint64_t chunk_id) {
  const std::uint64_t number = chunk_id >> kPageBits;
  const auto [place, added] = pages_.try_emplace(number, sums_.size());
  if (added) {
    sums_.resize(sums_.size() + kPageIds);
    page_numbers_.push_back(number);
  }
  return place->second;
}

float LexicalHits::score_of(std::uint64_t chunk_id) const {
  const auto page = pages_.find(chunk_id >> kPageBits);
  return page == pages_.end() ? 0 : sums_[page->second + chunk_id % kPageIds];
}

std::vector<store::IndexHit> LexicalHits::best(std::size_t count) const {
  store::TopHits top(count);
  for (std::size_t i = 0; i < sums_.size(); ++i) {
    if (sums_[i] == 0 || !top.wants(sums_[i])) continue;
    top.add({sums_[i], (page_numbers_[i / kPageIds] << kPageBits) + i % kPageIds, 0});
  }
  return top.take();
}

} // namespace raglan::postgres_store
