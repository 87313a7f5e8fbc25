// Whose vectors: the value that keeps vectors of different models apart.
#pragma once

#include <cstddef>
#include <string>

namespace raglan::store {

// The model whose vectors this process writes and searches with. A collection keeps that of its
// first write; vectors of different models cannot be compared.
struct EmbeddingSpace {
  std::string embedder_id;
  std::size_t dimension = 0;
  bool operator==(const EmbeddingSpace&) const = default;
};

} // namespace raglan::store
