// How good a ranking is, as trec_eval computes it. Pure.
//
// nDCG (Järvelin and Kekäläinen, 2002) with linear gains: the grade itself, divided by log2(rank +
// 1); the ideal ranking holds the judged documents by falling grade. Documents without a judgement
// count as not relevant. A ranking must not name a document twice.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "evaluation/beir.h"

namespace raglan::evaluation {

struct RankingMetrics {
  double ndcg_at_10 = 0;
  double recall_at_10 = 0; // of the relevant documents, how many are among the first ten
  double mrr = 0;          // 1 / rank of the first relevant document; 0 without one
};

RankingMetrics measure_ranking(std::span<const std::string> ranked_document_ids,
                               const Judgements& judgements);

// Sums up per-question figures and gives their mean.
class MeanMetrics {
 public:
  void add(const RankingMetrics& metrics);
  RankingMetrics mean() const; // all zero when nothing was added

 private:
  RankingMetrics sum_;
  std::size_t count_ = 0;
};

} // namespace raglan::evaluation
