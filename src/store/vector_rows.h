// The vectors of a segment, row after row, in blocks that segments share.
//
// A merged segment whose first rows are another segment's rows takes over that one's full blocks
// instead of copying them: folding new chunks into a large index then costs the memory and the time
// of the new chunks only.
//
// Thread safety: immutable once filled; blocks are never written after that.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace raglan::store {

class VectorRows {
 public:
  static constexpr std::size_t kRowsPerBlock = 256;

  VectorRows() = default;
  // Room for exactly `capacity` rows, to be filled by `append` and `append_all`.
  VectorRows(std::size_t dimension, std::size_t capacity)
      : dimension_(dimension), capacity_(capacity) {
    blocks_.reserve((capacity + kRowsPerBlock - 1) / kRowsPerBlock);
  }

  std::size_t rows() const { return rows_; }
  std::size_t dimension() const { return dimension_; }
  const float* row(std::size_t row) const {
    return blocks_[row / kRowsPerBlock].get() + (row % kRowsPerBlock) * dimension_;
  }

  // One row, copied.
  void append(const float* vector);
  // All rows of another one, shared where the blocks' borders allow it.
  void append_all(const VectorRows& other);

  // The rows in as few pieces as they lie in memory.
  template <typename F>
  void for_each_piece(F&& function) const {
    for (std::size_t first = 0; first < rows_; first += kRowsPerBlock) {
      function(std::span<const float>(row(first), rows_of_block(first, rows_) * dimension_));
    }
  }
  // Fills all the capacity piece by piece: `function` gets each piece to write into.
  template <typename F>
  void fill(F&& function) {
    while (rows_ < capacity_) {
      const std::size_t count = rows_of_block(rows_, capacity_);
      function(std::span<float>(add_block(), count * dimension_));
      rows_ += count;
    }
  }

 private:
  static std::size_t rows_of_block(std::size_t first, std::size_t end) {
    return end - first < kRowsPerBlock ? end - first : kRowsPerBlock;
  }
  float* add_block();

  std::size_t dimension_ = 0;
  std::size_t capacity_ = 0;
  std::size_t rows_ = 0;
  std::vector<std::shared_ptr<float[]>> blocks_;
};

} // namespace raglan::store
