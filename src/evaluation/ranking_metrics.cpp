#include "evaluation/ranking_metrics.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace raglan::evaluation {
namespace {

constexpr std::size_t kDepth = 10;

double discounted(int grade, std::size_t rank) {
  return grade / std::log2(static_cast<double>(rank) + 1);
}

double ideal_gain(const Judgements& judgements) {
  std::vector<int> grades;
  for (const auto& [id, grade] : judgements) grades.push_back(grade);
  std::sort(grades.begin(), grades.end(), std::greater());
  double gain = 0;
  for (std::size_t i = 0; i < std::min(grades.size(), kDepth); ++i) {
    gain += discounted(grades[i], i + 1);
  }
  return gain;
}

} // namespace

RankingMetrics measure_ranking(std::span<const std::string> ranked_document_ids,
                               const Judgements& judgements) {
  RankingMetrics metrics;
  double gain = 0;
  std::size_t found = 0;
  for (std::size_t i = 0; i < ranked_document_ids.size(); ++i) {
    const auto judged = judgements.find(ranked_document_ids[i]);
    if (judged == judgements.end()) continue;
    const std::size_t rank = i + 1;
    if (metrics.mrr == 0) metrics.mrr = 1.0 / static_cast<double>(rank);
    if (rank > kDepth) break;
    gain += discounted(judged->second, rank);
    ++found;
  }
  if (judgements.empty()) return metrics;
  metrics.ndcg_at_10 = gain / ideal_gain(judgements);
  metrics.recall_at_10 = static_cast<double>(found) / static_cast<double>(judgements.size());
  return metrics;
}

void MeanMetrics::add(const RankingMetrics& metrics) {
  sum_.ndcg_at_10 += metrics.ndcg_at_10;
  sum_.recall_at_10 += metrics.recall_at_10;
  sum_.mrr += metrics.mrr;
  ++count_;
}

RankingMetrics MeanMetrics::mean() const {
  if (count_ == 0) return {};
  const double n = static_cast<double>(count_);
  return {sum_.ndcg_at_10 / n, sum_.recall_at_10 / n, sum_.mrr / n};
}

} // namespace raglan::evaluation
