// One ranking out of the two sides of a search.
//
// kScore adds what the sides say about a chunk: its cosine, and the share of the question that its
// words cover (BM25 over the sum of the question's term weights, 0 to 1). A sum of scores and not
// of ranks, because a score also says how sure a side is (Bruch, Gai and Ingber, "An Analysis of
// Fusion Functions for Hybrid Retrieval", 2023); a share of the theoretical maximum and not of the
// best score found, because where even the best chunk covers little of the question, words should
// decide little. For the same reason the weight grows with the number of the question's terms:
// n / (n + kTermsAtHalfWeight) of `bm25_weight`, unless the question is little else than a rare
// word (an error code, an identifier), which says more than any vector: then the share is
// SearchResult::rare_term_ratio. docs/decisions/0005-fusion.md has the figures.
//
// kRrf adds 1 / (k + rank) over the sides that found the chunk (Cormack, Clarke and Büttcher,
// 2009).
//
// A side that is missing (no vector because the embedder is away, no text, no word in common)
// leaves the other side's order as it is.
//
// Pure; thread safe. The result depends on the set of candidates only, not on their order; more
// cosine or BM25 never ranks a chunk lower in kScore, nor does a better rank in kRrf.
#pragma once

#include <cstdint>
#include <vector>

#include "store/types.h"

namespace raglan::rag {

enum class FusionMethod : std::uint8_t { kScore, kRrf };

inline constexpr double kTermsAtHalfWeight = 5;

struct FusionConfig {
  FusionMethod method = FusionMethod::kScore;
  double bm25_weight = 0.7; // kScore: what words can add to a cosine
  double rrf_k = 60;        // kRrf: how little the first ranks differ
};

// A chunk's place in the fused ranking, with what it came from.
struct Ranked {
  std::uint64_t chunk_id = 0;
  double score = 0;
  float cosine = 0;
  float bm25 = 0;
  std::uint32_t dense_rank = 0; // 0: not among that side's candidates
  std::uint32_t lexical_rank = 0;
};

// Best first; equal scores by chunk id. Each candidate once.
std::vector<Ranked> fuse(const store::SearchResult& found, const FusionConfig& config);

} // namespace raglan::rag
