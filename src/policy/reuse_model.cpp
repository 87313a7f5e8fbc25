#include "policy/reuse_model.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace raglan::policy {
namespace {

// From where most texts of one language are to beyond what two texts can have.
constexpr double kLowestThreshold = 0.5;
constexpr double kThresholdStep = 0.025; // the last one is 1.1
constexpr std::array<double, kReuseSlopes> kSlopes = {8, 16, 32, 64, 128};
// The prior that expects nothing counts as so many observations.
constexpr double kPriorWeight = 10;
// No curve is ever ruled out for all questions to come.
constexpr double kLeastPrior = 1e-6;

double logit(std::size_t curve, double similarity) {
  const std::size_t step = curve / kReuseSlopes;
  const double threshold = kLowestThreshold + kThresholdStep * static_cast<double>(step);
  return kSlopes[curve % kReuseSlopes] * (similarity - threshold);
}

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

// log(logistic(x)), without overflow.
double log_logistic(double x) {
  return x < 0 ? x - std::log1p(std::exp(x)) : -std::log1p(std::exp(-x));
}

} // namespace

ReuseModel::ReuseModel() { prior_.fill(1.0 / kReuseCurves); }

ReuseModel::Curves ReuseModel::posterior(const ReuseEvidence& evidence) const {
  // Relative to the likeliest, so that the sum is never zero.
  const double best = *std::ranges::max_element(evidence.log_likelihood);
  Curves weights;
  for (std::size_t curve = 0; curve < kReuseCurves; ++curve) {
    weights[curve] = prior_[curve] * std::exp(evidence.log_likelihood[curve] - best);
  }
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (double& weight : weights) weight /= total;
  return weights;
}

double ReuseModel::probability_same(const ReuseEvidence& evidence, double similarity) const {
  const Curves weights = posterior(evidence);
  double probability = 0;
  for (std::size_t curve = 0; curve < kReuseCurves; ++curve) {
    probability += weights[curve] * logistic(logit(curve, similarity));
  }
  return probability;
}

void ReuseModel::learn(ReuseEvidence& evidence, double similarity, bool same) {
  for (std::size_t curve = 0; curve < kReuseCurves; ++curve) {
    const double x = logit(curve, similarity);
    evidence.log_likelihood[curve] += static_cast<float>(log_logistic(same ? x : -x));
  }
  ++evidence.observations;
  ++observations_;
  const Curves learned = posterior(evidence);
  const double step = 1 / (kPriorWeight + static_cast<double>(observations_));
  double total = 0;
  for (std::size_t curve = 0; curve < kReuseCurves; ++curve) {
    prior_[curve] = std::max(kLeastPrior, prior_[curve] + step * (learned[curve] - prior_[curve]));
    total += prior_[curve];
  }
  for (double& weight : prior_) weight /= total;
}

} // namespace raglan::policy
