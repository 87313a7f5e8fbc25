#include "evaluation/ranking_metrics.h"

#include <gtest/gtest.h>

#include <cmath>

namespace raglan::evaluation {
namespace {

const Judgements kGraded{{"a", 3}, {"b", 1}};

TEST(RankingMetrics, AnIdealRankingScoresOne) {
  const std::vector<std::string> ranked{"a", "b", "c"};
  const RankingMetrics metrics = measure_ranking(ranked, kGraded);
  EXPECT_DOUBLE_EQ(metrics.ndcg_at_10, 1);
  EXPECT_DOUBLE_EQ(metrics.recall_at_10, 1);
  EXPECT_DOUBLE_EQ(metrics.mrr, 1);
}

TEST(RankingMetrics, GainsAreLinearAndDiscountedByTheLogarithmOfTheRank) {
  const std::vector<std::string> ranked{"x", "b", "a"};
  const double gain = 1 / std::log2(3.0) + 3 / std::log2(4.0);
  const double ideal = 3 + 1 / std::log2(3.0);
  const RankingMetrics metrics = measure_ranking(ranked, kGraded);
  EXPECT_DOUBLE_EQ(metrics.ndcg_at_10, gain / ideal);
  EXPECT_DOUBLE_EQ(metrics.mrr, 0.5);
}

TEST(RankingMetrics, RankTenCountsAndRankElevenDoesNot) {
  std::vector<std::string> ranked(9, "x");
  ranked.push_back("a");
  EXPECT_GT(measure_ranking(ranked, {{"a", 1}}).ndcg_at_10, 0);
  EXPECT_DOUBLE_EQ(measure_ranking(ranked, {{"a", 1}}).recall_at_10, 1);
  ranked.insert(ranked.begin(), "x");
  EXPECT_DOUBLE_EQ(measure_ranking(ranked, {{"a", 1}}).ndcg_at_10, 0);
  EXPECT_DOUBLE_EQ(measure_ranking(ranked, {{"a", 1}}).recall_at_10, 0);
  EXPECT_DOUBLE_EQ(measure_ranking(ranked, {{"a", 1}}).mrr, 1.0 / 11);
}

TEST(RankingMetrics, NothingRankedIsZero) {
  const RankingMetrics metrics = measure_ranking({}, kGraded);
  EXPECT_EQ(metrics.ndcg_at_10, 0);
  EXPECT_EQ(metrics.recall_at_10, 0);
  EXPECT_EQ(metrics.mrr, 0);
}

TEST(RankingMetrics, TheMeanIsOverQuestions) {
  MeanMetrics mean;
  EXPECT_EQ(mean.mean().mrr, 0);
  mean.add({1, 0.5, 1});
  mean.add({0, 0.5, 0});
  EXPECT_DOUBLE_EQ(mean.mean().ndcg_at_10, 0.5);
  EXPECT_DOUBLE_EQ(mean.mean().recall_at_10, 0.5);
  EXPECT_DOUBLE_EQ(mean.mean().mrr, 0.5);
}

} // namespace
} // namespace raglan::evaluation
