// An approximate nearest-neighbour graph over the vectors of one segment: HNSW (Malkov and
// Yashunin, 2018).
//
// hnswlib builds it (hnsw_build.h); this is the finished graph, flat and immutable, and the search
// in it. hnswlib's own form was not kept: it holds a second copy of every vector, filters only
// after the search, and is read from disk unchecked.
//
// The vectors stay with the segment: rows here are rows there. A filter (deleted rows, metadata) is
// applied during the search: rows that are not eligible are walked through, but take no place among
// the results, so that a search gives as many results as without one.
//
// Thread safety: immutable; any number of searches at the same time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "store/vector_rows.h"

namespace raglan::store {

class HnswGraph {
 public:
  // Links of a row at level 0, and at each level above.
  static constexpr std::uint32_t kMaxLinks = 32;
  static constexpr std::uint32_t kMaxUpperLinks = kMaxLinks / 2;
  static constexpr std::uint8_t kMaxLevel = 31;
  // A list is its count and room for its links.
  static constexpr std::size_t kListSize = kMaxLinks + 1;
  static constexpr std::size_t kUpperListSize = kMaxUpperLinks + 1;

  // What a graph is made of, as it is stored. Rows without upper levels have no upper lists;
  // `upper_links` holds those of the others, row after row, level after level from 1.
  struct Lists {
    std::uint32_t entry = 0;                // a row of the highest level; where every search starts
    std::vector<std::uint8_t> levels;       // of each row
    std::vector<std::uint32_t> links;       // kListSize for each row
    std::vector<std::uint32_t> upper_links; // kUpperListSize for each row and upper level
  };

  // Whether a graph can be made of these: every link leads to a row of that level.
  static bool consistent(const Lists& lists);
  // From consistent lists.
  explicit HnswGraph(Lists lists);

  struct Hit {
    float similarity = 0;
    std::uint32_t row = 0;
  };
  struct Search {
    const float* vector = nullptr;
    std::size_t breadth = 0;    // results that are kept while searching (the paper's ef)
    std::size_t max_visits = 0; // vectors that are compared at most
    std::function<bool(std::uint32_t row)> eligible; // empty: all rows are
  };
  // The most similar eligible rows, in no particular order: at most `breadth`, fewer when the graph
  // has no more; none when max_visits ran out.
  std::vector<Hit> search(const VectorRows& vectors, const Search& query) const;

  std::size_t rows() const { return lists_.levels.size(); }
  const Lists& lists() const { return lists_; }
  std::span<const std::uint32_t> links_of(std::uint32_t row, std::size_t level) const;

 private:
  std::uint32_t descend(const VectorRows& vectors, const float* vector) const;

  Lists lists_;
  std::vector<std::uint32_t> upper_starts_; // of each row: its first list in upper_links
};

} // namespace raglan::store
