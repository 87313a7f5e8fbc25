#include "store/index_search.h"

#include <unordered_map>

#include "store/dense_search.h"
#include "store/index_view.h"
#include "store/lexical_search.h"

namespace raglan::store {

SearchResult search_parts(std::span<const IndexSegment::Part> parts, const IndexConfig& config,
                          std::size_t dimension, const CollectionIndex::Query& query) {
  SearchResult result;
  const IndexView view(parts, query.allowed_chunk_ids);
  if (view.eligible_rows() == 0) return result;

  const bool dense = query.vector.size() == dimension;
  const LexicalSearch lexical(view, config, query.text);
  std::vector<IndexHit> dense_hits;
  if (dense) dense_hits = best_dense(view, config, query.vector, query.candidates, query.exact);
  const std::vector<IndexHit> lexical_hits = lexical.best(query.candidates);

  std::unordered_map<std::uint32_t, std::size_t> places;
  const auto candidate = [&](const IndexHit& hit) -> Candidate& {
    const auto [place, added] = places.try_emplace(hit.row, result.candidates.size());
    if (added) {
      Candidate& fresh = result.candidates.emplace_back();
      fresh.chunk_id = hit.chunk_id;
      fresh.bm25 = lexical.score_of(hit.row);
      fresh.cosine = dense ? cosine_of(view, query.vector, hit.row) : 0;
    }
    return result.candidates[place->second];
  };
  std::uint32_t rank = 0;
  for (const IndexHit& hit : dense_hits) candidate(hit).dense_rank = ++rank;
  rank = 0;
  for (const IndexHit& hit : lexical_hits) candidate(hit).lexical_rank = ++rank;
  if (!lexical_hits.empty()) result.bm25_max = lexical_hits.front().score;
  result.bm25_ceiling = lexical.ceiling();
  result.question_terms = lexical.question_terms();
  result.rare_term_ratio = lexical.rare_term_ratio();
  return result;
}

} // namespace raglan::store
