#include "rag/fusion.h"

#include <algorithm>

namespace raglan::rag {
namespace {

// What a point of BM25 adds to a cosine in this search.
double lexical_weight(const store::SearchResult& found, const FusionConfig& config) {
  if (found.bm25_ceiling <= 0) return 0;
  const double terms = found.question_terms;
  const double trust =
      std::max<double>(terms / (terms + kTermsAtHalfWeight), found.rare_term_ratio);
  return config.bm25_weight * trust / found.bm25_ceiling;
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
  const double weight = lexical_weight(found, config);
  std::vector<Ranked> ranked;
  ranked.reserve(found.candidates.size());
  for (const store::Candidate& candidate : found.candidates) {
    const double score = config.method == FusionMethod::kScore
                             ? candidate.cosine + weight * candidate.bm25
                             : reciprocal_ranks(candidate, config);
    ranked.push_back({candidate.chunk_id, score, candidate.cosine, candidate.bm25,
                      candidate.dense_rank, candidate.lexical_rank});
  }
  std::ranges::sort(ranked, better);
  return ranked;
}

} // namespace raglan::rag
