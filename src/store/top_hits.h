// The best hits seen so far. Ties go to the smaller chunk id, so that results do not depend on the
// index's layout.
//
// Not thread safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace raglan::store {

struct IndexHit {
  float score = 0;
  std::uint64_t chunk_id = 0;
  std::uint32_t row = 0; // numbered through all parts of the index
};

// A heap with the worst of the kept hits on top.
class TopHits {
 public:
  explicit TopHits(std::size_t count) : count_(count) {}

  // False for most of a scan, once the heap is full: ask before making the hit.
  bool wants(float score) const {
    return hits_.size() < count_ || (count_ > 0 && score >= hits_.front().score);
  }

  void add(const IndexHit& hit) {
    if (hits_.size() == count_) {
      if (count_ == 0 || !better(hit, hits_.front())) return;
      std::pop_heap(hits_.begin(), hits_.end(), better);
      hits_.pop_back();
    }
    hits_.push_back(hit);
    std::push_heap(hits_.begin(), hits_.end(), better);
  }

  std::size_t size() const { return hits_.size(); }

  // Best first.
  std::vector<IndexHit> take() {
    std::sort(hits_.begin(), hits_.end(), better);
    return std::move(hits_);
  }

 private:
  static bool better(const IndexHit& left, const IndexHit& right) {
    if (left.score != right.score) return left.score > right.score;
    return left.chunk_id < right.chunk_id;
  }

  const std::size_t count_;
  std::vector<IndexHit> hits_;
};

} // namespace raglan::store
