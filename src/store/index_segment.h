// A part of an index that never changes: some chunks, their vectors, and the terms' postings.
//
// Rows are numbered from 0 in the order of their chunk ids. Postings lie in one array, term after
// term, rows ascending; `terms` is sorted, so that a term is found by bisection and two segments
// merge in one pass. What was deleted since is not part of a segment: see Deletions.
//
// Thread safety: immutable after `build` or `merge`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "store/analyzer.h"
#include "store/collection_index.h"

namespace raglan::store {

struct Posting {
  std::uint32_t row = 0;
  std::uint32_t frequency = 0; // of the term in that row
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

  // A segment and what was deleted of it (null: nothing).
  struct Part {
    std::shared_ptr<const IndexSegment> segment;
    std::shared_ptr<const Deletions> deletions;
  };
  // The live rows of both.
  static std::shared_ptr<const IndexSegment> merge(const Part& left, const Part& right);

  std::size_t rows() const { return chunk_ids_.size(); }
  std::uint64_t length_terms() const { return length_terms_; } // of all rows together
  std::uint64_t chunk_id(std::size_t row) const { return chunk_ids_[row]; }
  std::span<const std::uint64_t> chunk_ids() const { return chunk_ids_; }
  const float* vector(std::size_t row) const { return vectors_.data() + row * dimension_; }
  std::uint32_t row_length_terms(std::size_t row) const { return row_lengths_[row]; }
  std::span<const Posting> postings(Term term) const;

  // The row of a chunk; rows() when it is not here.
  std::size_t find(std::uint64_t chunk_id) const;

 private:
  friend class SegmentFile;

  std::size_t dimension_ = 0;
  std::uint64_t length_terms_ = 0;
  std::vector<std::uint64_t> chunk_ids_; // ascending
  std::vector<std::uint32_t> row_lengths_;
  std::vector<float> vectors_;
  std::vector<Term> terms_;            // ascending
  std::vector<std::uint64_t> offsets_; // terms_.size() + 1, into postings_
  std::vector<Posting> postings_;
};

} // namespace raglan::store
