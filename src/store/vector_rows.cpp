#include "store/vector_rows.h"

#include <algorithm>

namespace raglan::store {

float* VectorRows::add_block() {
  const std::size_t rows = rows_of_block(blocks_.size() * kRowsPerBlock, capacity_);
  return blocks_.emplace_back(std::make_shared_for_overwrite<float[]>(rows * dimension_)).get();
}

void VectorRows::append(const float* vector) {
  const std::size_t row_of_block = rows_ % kRowsPerBlock;
  float* block = row_of_block == 0 ? add_block() : blocks_.back().get();
  std::copy_n(vector, dimension_, block + row_of_block * dimension_);
  ++rows_;
}

void VectorRows::append_all(const VectorRows& other) {
  std::size_t shared_rows = 0;
  if (rows_ % kRowsPerBlock == 0) {
    const std::size_t full_blocks = other.rows_ / kRowsPerBlock;
    blocks_.insert(blocks_.end(), other.blocks_.begin(),
                   other.blocks_.begin() + static_cast<std::ptrdiff_t>(full_blocks));
    shared_rows = full_blocks * kRowsPerBlock;
    rows_ += shared_rows;
  }
  for (std::size_t row = shared_rows; row < other.rows_; ++row) append(other.row(row));
}

} // namespace raglan::store
