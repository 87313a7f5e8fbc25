// One search over the segments of an index: the algorithm behind CollectionIndex::search.
//
// Rows of all segments are numbered through: a segment's rows start at its base. The lexical side
// adds up scores term by term in one array (kept by the thread, touched entries reset afterwards);
// the dense side scans. Ties go to the smaller chunk id, so that results do not depend on the
// layout.
//
// Not thread safe itself: make one for each search. The segments must outlive it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "store/index_segment.h"

namespace raglan::store {

class IndexSearch {
 public:
  IndexSearch(std::span<const IndexSegment::Part> parts, const IndexConfig& config,
              std::size_t dimension);

  // Candidates and bm25_max; the generation is the caller's to fill.
  SearchResult run(const CollectionIndex::Query& query);

 private:
  struct Hit {
    float score;
    std::uint64_t chunk_id;
    std::uint32_t row; // numbered through
  };
  class TopHits;

  void restrict_to(std::span<const std::uint64_t> chunk_ids);
  bool eligible(std::size_t part, std::uint32_t row) const;
  void score_lexical(std::string_view text);
  void add_term(Term term, float weight);
  std::vector<Hit> best_lexical(std::uint32_t count) const;
  std::vector<Hit> best_dense(std::span<const float> vector, std::uint32_t count) const;
  std::size_t part_of(std::uint32_t row) const;
  float cosine(std::span<const float> vector, std::uint32_t row) const;

  std::span<const IndexSegment::Part> parts_;
  const IndexConfig& config_;
  const std::size_t dimension_;
  std::vector<std::uint32_t> bases_; // of each part; one more at the end
  std::size_t live_rows_ = 0;
  float average_length_ = 0;
  std::optional<std::vector<bool>> allowed_; // by row numbered through
  std::vector<float>& scores_;               // the thread's; all zero between searches
  std::vector<std::uint32_t> touched_;
};

} // namespace raglan::store
