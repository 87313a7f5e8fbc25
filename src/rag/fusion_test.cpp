#include "rag/fusion.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/rng.h"

namespace raglan::rag {
namespace {

using store::Candidate;
using store::SearchResult;

std::vector<std::uint64_t> ids(const std::vector<Ranked>& ranked) {
  std::vector<std::uint64_t> ids;
  for (const Ranked& one : ranked) ids.push_back(one.chunk_id);
  return ids;
}

SearchResult result_of(std::vector<Candidate> candidates) {
  return {.bm25_max = 8, .bm25_ceiling = 10, .question_terms = 5, .candidates = candidates};
}

TEST(Fusion, AddsTheCoveredShareOfTheQuestionToTheCosine) {
  const auto found = result_of({{1, 0.5f, 8.0f, 1, 1}, {2, 0.7f, 0.0f, 2, 0}});
  const FusionConfig config{.bm25_weight = 0.5};
  const auto ranked = fuse(found, config);
  ASSERT_EQ(ids(ranked), (std::vector<std::uint64_t>{1, 2})); // 0.5 + 0.25 * 0.8 and 0.7
  EXPECT_NEAR(ranked[0].score, 0.5 + 0.5 * 0.5 * 0.8, 1e-6);
  EXPECT_NEAR(ranked[1].score, 0.7, 1e-6);
}

TEST(Fusion, WordsWeighMoreInALongerQuestion) {
  auto found = result_of({{1, 0.5f, 8.0f, 2, 1}, {2, 0.62f, 0.0f, 1, 0}});
  found.question_terms = 1;
  EXPECT_EQ(ids(fuse(found, {})).front(), 2u);
  found.question_terms = 20;
  EXPECT_EQ(ids(fuse(found, {})).front(), 1u);
}

TEST(Fusion, ARareWordThatIsTheWholeQuestionDecides) {
  // The one chunk that holds an error's code, against a chunk that only sounds like the question.
  auto found = result_of({{1, 0.1f, 5.0f, 2, 1}, {2, 0.3f, 0.0f, 1, 0}});
  found.question_terms = 1;
  EXPECT_EQ(ids(fuse(found, {})).front(), 2u);
  found.rare_term_ratio = 1;
  EXPECT_EQ(ids(fuse(found, {})).front(), 1u);
  EXPECT_NEAR(fuse(found, {}).front().score, 0.1 + 0.7 * 0.5, 1e-6);
}

TEST(Fusion, ARareWordOfALongQuestionChangesNothing) {
  auto found = result_of({{1, 0.5f, 8.0f, 2, 1}, {2, 0.62f, 0.0f, 1, 0}});
  found.question_terms = 8;
  const double without = fuse(found, {}).front().score;
  found.rare_term_ratio = 0.6f; // below 8 / (8 + 5)
  EXPECT_EQ(fuse(found, {}).front().score, without);
}

TEST(Fusion, ByRankAddsReciprocalRanks) {
  const auto found = result_of({{1, 0.9f, 1.0f, 1, 0}, {2, 0.5f, 5.0f, 3, 2}, {3, 0, 7.0f, 0, 1}});
  const auto ranked = fuse(found, {.method = FusionMethod::kRrf, .rrf_k = 60});
  EXPECT_EQ(ids(ranked), (std::vector<std::uint64_t>{2, 1, 3})); // 1 and 3 are equal: by id
  EXPECT_DOUBLE_EQ(ranked[0].score, 1.0 / 63 + 1.0 / 62);
}

TEST(Fusion, AMissingSideLeavesTheOthersOrder) {
  const auto lexical = SearchResult{.bm25_max = 3,
                                    .bm25_ceiling = 4,
                                    .question_terms = 2,
                                    .candidates = {{1, 0, 1, 0, 2}, {2, 0, 3, 0, 1}}};
  const auto dense =
      SearchResult{.candidates = {{1, 0.2f, 0, 2, 0}, {2, 0.4f, 0, 1, 0}, {3, -0.1f, 0, 3, 0}}};
  for (const FusionMethod method : {FusionMethod::kScore, FusionMethod::kRrf}) {
    EXPECT_EQ(ids(fuse(lexical, {.method = method})), (std::vector<std::uint64_t>{2, 1}));
    EXPECT_EQ(ids(fuse(dense, {.method = method})), (std::vector<std::uint64_t>{2, 1, 3}));
  }
  EXPECT_TRUE(fuse({}, {}).empty());
}

// Random searches whose ranks follow from their scores, as a store's do.
SearchResult random_search(Rng& rng) {
  SearchResult found{.question_terms = static_cast<std::uint32_t>(rng.below(12))};
  const std::size_t count = rng.below(40);
  for (std::size_t i = 0; i < count; ++i) {
    Candidate candidate{.chunk_id = i * 7 + rng.below(7)};
    candidate.cosine = static_cast<float>(rng.below(20)) / 20;
    candidate.bm25 = static_cast<float>(rng.below(10));
    found.bm25_max = std::max(found.bm25_max, candidate.bm25);
    found.candidates.push_back(candidate);
  }
  found.bm25_ceiling = found.bm25_max * 1.5f;
  std::ranges::sort(found.candidates, std::ranges::greater(), &Candidate::cosine);
  for (std::size_t i = 0; i < count; ++i) {
    if (rng.below(4) > 0) found.candidates[i].dense_rank = static_cast<std::uint32_t>(i + 1);
  }
  std::ranges::sort(found.candidates, std::ranges::greater(), &Candidate::bm25);
  for (std::size_t i = 0; i < count; ++i) {
    if (rng.below(4) > 0) found.candidates[i].lexical_rank = static_cast<std::uint32_t>(i + 1);
  }
  return found;
}

std::size_t place_of(const std::vector<Ranked>& ranked, std::uint64_t id) {
  return static_cast<std::size_t>(std::ranges::find(ranked, id, &Ranked::chunk_id) -
                                  ranked.begin());
}

TEST(FusionProperty, EveryCandidateOnceInAnyOrderOfThemBestFirst) {
  Rng rng(11);
  for (int round = 0; round < 500; ++round) {
    SearchResult found = random_search(rng);
    const FusionConfig config{.method = round % 2 ? FusionMethod::kScore : FusionMethod::kRrf};
    const auto ranked = fuse(found, config);
    const auto order = ids(ranked);
    EXPECT_EQ(order.size(), found.candidates.size());
    EXPECT_EQ(std::set(order.begin(), order.end()).size(), order.size());
    EXPECT_TRUE(std::ranges::is_sorted(ranked, std::ranges::greater(), &Ranked::score));
    for (std::size_t i = found.candidates.size(); i > 1; --i) {
      std::swap(found.candidates[i - 1], found.candidates[rng.below(i)]);
    }
    EXPECT_EQ(ids(fuse(found, config)), order);
  }
}

TEST(FusionProperty, ABetterCandidateNeverRanksLower) {
  Rng rng(12);
  for (int round = 0; round < 500; ++round) {
    SearchResult found = random_search(rng);
    if (found.candidates.empty()) continue;
    const FusionConfig config{.method = round % 2 ? FusionMethod::kScore : FusionMethod::kRrf};
    Candidate& chosen = found.candidates[rng.below(found.candidates.size())];
    const std::size_t before = place_of(fuse(found, config), chosen.chunk_id);
    if (config.method == FusionMethod::kScore) {
      (rng.below(2) ? chosen.cosine : chosen.bm25) += 0.25f;
    } else {
      std::uint32_t& rank = rng.below(2) ? chosen.dense_rank : chosen.lexical_rank;
      rank = rank > 1 ? rank - 1 : 1;
    }
    EXPECT_LE(place_of(fuse(found, config), chosen.chunk_id), before);
  }
}

} // namespace
} // namespace raglan::rag
