// A part of an index that never changes: some chunks, their vectors, and the terms' postings.
//
// Rows are numbered from 0 in the order of their chunk ids. Postings lie in two arrays, term after
// term, rows ascending; `terms` is sorted, so that a term is found by bisection and two segments
// merge in one pass. What was deleted since is not part of a segment: see Deletions. Nor is the
// graph for approximate search (hnsw_graph.h): it is made later, for the large segments only.
//
// Thread safety: immutable after `build`, `merge` or `append`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "store/analyzer.h"
#include "store/collection_index.h"
#include "store/hnsw_graph.h"
#include "store/vector_rows.h"

namespace raglan::store {

// The rows that hold a term, ascending, and how often each does: more than kMaxFrequency times
// counts as so often (BM25 hardly tells them apart, and a byte is a fifth of a posting).
struct Postings {
  static constexpr std::uint8_t kMaxFrequency = 255;
  std::span<const std::uint32_t> rows;
  std::span<const std::uint8_t> frequencies;
};

// Rows of a segment that were deleted after it was made. Immutable: deleting makes a new one.
struct Deletions {
  std::vector<bool> rows; // as many as the segment has
  std::size_t count = 0;
  std::uint64_t length_terms = 0; // of the deleted rows together
};

class IndexSegment {
 public:
  static std::shared_ptr<const IndexSegment> build(std::span<const IndexEntry> entries,
                                                   std::size_t dimension);

  // A segment, what was deleted of it (null: nothing), and its graph (null: searched exactly).
  struct Part {
    std::shared_ptr<const IndexSegment> segment;
    std::shared_ptr<const Deletions> deletions;
    std::shared_ptr<const HnswGraph> graph;

    std::size_t live_rows() const { return segment->rows() - (deletions ? deletions->count : 0); }
  };
  // The live rows of both.
  static std::shared_ptr<const IndexSegment> merge(const Part& left, const Part& right);
  // All rows of `left`, deleted or not, under their old numbers, then the live rows of `right`,
  // whose chunk ids must all be higher.
  static std::shared_ptr<const IndexSegment> append(const IndexSegment& left, const Part& right);

  std::size_t rows() const { return chunk_ids_.size(); }
  std::uint64_t length_terms() const { return length_terms_; } // of all rows together
  std::uint64_t chunk_id(std::size_t row) const { return chunk_ids_[row]; }
  std::span<const std::uint64_t> chunk_ids() const { return chunk_ids_; }
  const float* vector(std::size_t row) const { return vectors_.row(row); }
  const VectorRows& vectors() const { return vectors_; }
  std::uint32_t row_length_terms(std::size_t row) const { return row_lengths_[row]; }
  std::span<const std::uint32_t> row_lengths() const { return row_lengths_; }
  Postings postings(Term term) const;

  // The row of a chunk; rows() when it is not here.
  std::size_t find(std::uint64_t chunk_id) const;

 private:
  friend class SegmentFile;
  class Merge;

  void add_posting(std::uint32_t row, std::uint8_t frequency) {
    posting_rows_.push_back(row);
    posting_frequencies_.push_back(frequency);
  }

  std::uint64_t length_terms_ = 0;
  std::vector<std::uint64_t> chunk_ids_; // ascending
  std::vector<std::uint32_t> row_lengths_;
  VectorRows vectors_;
  std::vector<Term> terms_;            // ascending
  std::vector<std::uint64_t> offsets_; // terms_.size() + 1, into the postings
  std::vector<std::uint32_t> posting_rows_;
  std::vector<std::uint8_t> posting_frequencies_;
};

} // namespace raglan::store
