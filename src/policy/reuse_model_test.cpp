#include "policy/reuse_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

#include "base/rng.h"

namespace raglan::policy {
namespace {

TEST(ReuseModel, KnowsNothingAtFirstAndReusesNothing) {
  const ReuseModel model;
  EXPECT_LT(model.probability_same({}, 0.999), 0.95);
  EXPECT_LT(model.probability_same({}, 0.6), 0.5);
}

TEST(ReuseModel, TheProbabilityRisesWithSimilarity) {
  ReuseModel model;
  ReuseEvidence evidence;
  model.learn(evidence, 0.9, true);
  model.learn(evidence, 0.7, false);
  for (double similarity = 0.5; similarity < 1; similarity += 0.01) {
    EXPECT_LT(model.probability_same(evidence, similarity),
              model.probability_same(evidence, similarity + 0.01));
  }
}

TEST(ReuseModel, ObservationsMoveAQuestionsOwnThreshold) {
  ReuseModel model;
  ReuseEvidence many_wordings;
  ReuseEvidence has_an_opposite;
  for (int i = 0; i < 30; ++i) {
    model.learn(many_wordings, 0.8, true);
    model.learn(has_an_opposite, 0.95, false);
  }
  EXPECT_GT(model.probability_same(many_wordings, 0.85), 0.98);
  EXPECT_LT(model.probability_same(has_an_opposite, 0.95), 0.05);
  EXPECT_EQ(many_wordings.observations, 30u);
}

TEST(ReuseModel, ANewQuestionProfitsFromWhatOthersTaught) {
  ReuseModel model;
  const double before = model.probability_same({}, 0.95);
  for (int question = 0; question < 100; ++question) {
    ReuseEvidence evidence;
    model.learn(evidence, 0.95, true);
    model.learn(evidence, 0.7, false);
  }
  EXPECT_GT(model.probability_same({}, 0.95), 0.9);
  EXPECT_LT(before, 0.8);
  EXPECT_LT(model.probability_same({}, 0.7), 0.2);
}

TEST(ReuseModel, ManyObservationsOverflowNothing) {
  ReuseModel model;
  ReuseEvidence evidence;
  for (int i = 0; i < 100'000; ++i) model.learn(evidence, i % 2 == 0 ? 1.0 : -1.0, i % 2 == 0);
  const double probability = model.probability_same(evidence, 1);
  EXPECT_TRUE(std::isfinite(probability));
  EXPECT_GT(probability, 0.99);
}

// Questions of a population, each with its own true curve, asked in wordings of any similarity.
struct Simulation {
  double reused_ratio = 0;
  double error_ratio = 0; // of those that were reused
};

Simulation simulate(const std::function<double(Rng&)>& draw_threshold, double slope,
                    double max_error_ratio) {
  constexpr int kQuestions = 300;
  constexpr int kAsked = 60'000;
  constexpr double kAuditRatio = 0.05;
  Rng rng(7);
  ReuseModel model;
  std::vector<ReuseEvidence> evidence(kQuestions);
  std::vector<double> thresholds(kQuestions);
  for (double& threshold : thresholds) threshold = draw_threshold(rng);
  int reused = 0;
  int errors = 0;
  for (int asked = 0; asked < kAsked; ++asked) {
    const std::size_t question = rng.below(kQuestions);
    const double similarity = 0.6 + 0.4 * rng.uniform();
    const double truth = 1 / (1 + std::exp(-slope * (similarity - thresholds[question])));
    const bool same = rng.uniform() < truth;
    const double probability = model.probability_same(evidence[question], similarity);
    if (probability >= 1 - max_error_ratio && rng.uniform() >= kAuditRatio) {
      ++reused;
      errors += same ? 0 : 1;
    } else {
      model.learn(evidence[question], similarity, same);
    }
  }
  return {static_cast<double>(reused) / kAsked,
          reused == 0 ? 0 : static_cast<double>(errors) / reused};
}

TEST(ReuseModelSimulation, ErrorsStayUnderTheBoundWhereThresholdsDiffer) {
  const auto wide = [](Rng& rng) { return 0.65 + 0.3 * rng.uniform(); };
  for (const double bound : {0.01, 0.02, 0.05}) {
    const Simulation result = simulate(wide, 60, bound);
    EXPECT_LE(result.error_ratio, bound) << bound;
    EXPECT_GT(result.reused_ratio, 0.2) << bound; // half of all are above their threshold
  }
}

TEST(ReuseModelSimulation, QuestionsWithAnOppositeAreNotConfusedWithOthers) {
  const auto mixed = [](Rng& rng) { return rng.uniform() < 0.3 ? 1.5 : 0.75; };
  const Simulation result = simulate(mixed, 80, 0.02);
  EXPECT_LE(result.error_ratio, 0.02);
  EXPECT_GT(result.reused_ratio, 0.25); // 0.42 are of the others and above their threshold
}

TEST(ReuseModelSimulation, SimilarityThatSaysNothingIsNotUsed) {
  const auto any = [](Rng&) { return 0.7; };
  const Simulation result = simulate(any, 0, 0.02); // a coin
  EXPECT_LT(result.reused_ratio, 0.001);
}

} // namespace
} // namespace raglan::policy
