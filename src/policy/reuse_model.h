// Whether a value computed for one question may answer a similar one: learned for each kept
// question by itself, from what happened when both were computed.
//
// Source: Schroeder et al., "vCache: Verified Semantic Prompt Caching", 2025. How similar is
// similar enough differs from question to question ("enable X" and "disable X" are near, and must
// not be confused; "how do I vacuum" has many wordings), so no fixed threshold is safe. As there,
// the probability that a question at cosine s gets the same value is a logistic curve of the kept
// question's own, 1 / (1 + exp(−γ (s − t))), of which observations tell the threshold t and the
// steepness γ. Otherwise than there,
//   - t and γ are not point estimates with a confidence interval but a posterior over a grid of
//     curves, so the probability that is compared with the bound counts in how little is known;
//   - the prior is the mean of all posteriors so far (empirical Bayes, by steps as in Cappé and
//     Moulines' online EM, 2009), so a new question profits from what its neighbours have taught;
//   - the bound is on the reused values alone, and not on all that were asked for.
//
// Reuse is right only as long as similarity is observed: the caller computes a share of what it
// could have reused, and reports what came of it (`learn`).
//
// Pure. Thread safety: none; belongs to whoever holds its lock.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace raglan::policy {

inline constexpr std::size_t kReuseThresholds = 25;
inline constexpr std::size_t kReuseSlopes = 5;
inline constexpr std::size_t kReuseCurves = kReuseThresholds * kReuseSlopes;

// What is known of one kept question.
struct ReuseEvidence {
  std::array<float, kReuseCurves> log_likelihood{}; // of the observations, under each curve
  std::uint32_t observations = 0;
};

class ReuseModel {
 public:
  // Expects nothing: every threshold is as likely as another, those that no similarity reaches
  // among them.
  ReuseModel();

  // That a question at this cosine to the kept one has the same value, 0 to 1.
  double probability_same(const ReuseEvidence& evidence, double similarity) const;

  // Both values were computed: whether they were the same.
  void learn(ReuseEvidence& evidence, double similarity, bool same);

 private:
  using Curves = std::array<double, kReuseCurves>;
  Curves posterior(const ReuseEvidence& evidence) const;

  Curves prior_; // sums to 1
  std::uint64_t observations_ = 0;
};

} // namespace raglan::policy
