// What one search sees: the parts of an index with their rows numbered through, and which of the
// rows it may return.
//
// A part's rows start at its base. A row is eligible when it is not deleted and, with a filter,
// allowed.
//
// Thread safety: immutable after construction. The parts must outlive it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "store/index_segment.h"

namespace raglan::store {

class IndexView {
 public:
  // `allowed_chunk_ids`: sorted; nullopt: all.
  IndexView(std::span<const IndexSegment::Part> parts,
            std::optional<std::span<const std::uint64_t>> allowed_chunk_ids);

  std::span<const IndexSegment::Part> parts() const { return parts_; }
  std::uint32_t base(std::size_t part) const { return bases_[part]; }
  std::uint32_t rows() const { return bases_.back(); }
  std::size_t live_rows() const { return live_rows_; }
  // Of the live rows, at least 1.
  float average_length_terms() const { return average_length_terms_; }
  std::size_t part_of(std::uint32_t row) const;

  bool filtered() const { return allowed_rows_.has_value(); }
  std::size_t eligible_rows() const { return filtered() ? allowed_rows_->size() : live_rows_; }
  // Every row of the part is eligible.
  bool all_eligible(std::size_t part) const { return !filtered() && !parts_[part].deletions; }
  bool eligible(std::size_t part, std::uint32_t row_of_part) const {
    if (filtered()) return allowed_[bases_[part] + row_of_part]; // live ones only
    return !parts_[part].deletions || !parts_[part].deletions->rows[row_of_part];
  }
  // With a filter: the eligible rows, numbered through, ascending.
  std::span<const std::uint32_t> allowed_rows() const { return *allowed_rows_; }

 private:
  void restrict_to(std::span<const std::uint64_t> chunk_ids);

  std::span<const IndexSegment::Part> parts_;
  std::vector<std::uint32_t> bases_; // of each part; one more at the end
  std::size_t live_rows_ = 0;
  float average_length_terms_ = 1;
  std::optional<std::vector<std::uint32_t>> allowed_rows_;
  std::vector<bool> allowed_; // the same as a bitmap; empty without a filter
};

} // namespace raglan::store
