// What the tests of the index share: a corpus whose texts and vectors depend on the chunk's id
// alone.
#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/rng.h"
#include "store/collection_index.h"

namespace raglan::store {

inline constexpr std::size_t kDimension = 8;

inline std::vector<float> unit_vector(std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> vector(kDimension);
  float norm = 0;
  for (float& value : vector) {
    value = static_cast<float>(rng.uniform() - 0.5);
    norm += value * value;
  }
  for (float& value : vector) value /= std::sqrt(norm);
  return vector;
}

// Chunks with texts and vectors that depend on their id alone.
class Corpus {
 public:
  explicit Corpus(std::uint64_t count) {
    for (std::uint64_t id = 1; id <= count; ++id) {
      texts_[id] = "word" + std::to_string(id % 7) + " word" + std::to_string(id % 5) +
                   (id % 3 == 0 ? " rare" : "") + " filler filler";
      vectors_[id] = unit_vector(id);
    }
  }
  IndexEntry entry(std::uint64_t id) const { return {id, texts_.at(id), vectors_.at(id)}; }
  std::vector<IndexEntry> entries(std::uint64_t first, std::uint64_t last) const {
    std::vector<IndexEntry> entries;
    for (std::uint64_t id = first; id <= last; ++id) entries.push_back(entry(id));
    return entries;
  }

 private:
  std::map<std::uint64_t, std::string> texts_;
  std::map<std::uint64_t, std::vector<float>> vectors_;
};

} // namespace raglan::store
