#include "rag/fusion.h"

#include <algorithm>

namespace raglan::rag {
namespace {

double score_sum(const store::Candidate& candidate, float bm25_max, const FusionConfig& config) {
  const double lexical = bm25_max > 0 ? candidate.bm25 / bm25_max : 0;
  return candidate.cosine + config.bm25_weight * lexical;
}

double reciprocal_ranks(const store::Candidate& candidate, const FusionConfig& config) {
  double score = 0;
  for (const std::uint32_t rank : {candidate.dense_rank, candidate.lexical_rank}) {
    if (rank > 0) score += 1 / (config.rrf_k + rank);
  }
  return score;
}

bool better(const Ranked& left, const Ranked& right) {
  if (left.score != right.score) return left.score > right.score;
  return left.chunk_id < right.chunk_id;
}

} // namespace

std::vector<Ranked> fuse(const store::SearchResult& found, const FusionConfig& config) {
  std::vector<Ranked> ranked;
  ranked.reserve(found.candidates.size());
  for (const store::Candidate& candidate : found.candidates) {
    const double score = config.method == FusionMethod::kScore
                             ? score_sum(candidate, found.bm25_max, config)
                             : reciprocal_ranks(candidate, config);
    ranked.push_back({candidate.chunk_id, score, candidate.cosine, candidate.bm25,
                      candidate.dense_rank, candidate.lexical_rank});
  }
  std::ranges::sort(ranked, better);
  return ranked;
}

} // namespace raglan::rag
