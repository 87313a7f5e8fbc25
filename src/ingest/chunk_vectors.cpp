#include "ingest/chunk_vectors.h"

#include <cmath>
#include <cstddef>

namespace raglan::ingest {

void attach_vectors(store::PreparedDocument& document, std::span<const float> embedded) {
  document.vectors.assign(embedded.begin(), embedded.end());
  if (document.chunks.empty()) return;
  const std::size_t dimension = embedded.size() / document.chunks.size();
  const std::span<const float> first = embedded.first(dimension);
  for (std::size_t chunk = 1; chunk < document.chunks.size(); ++chunk) {
    const float lean = kLean / static_cast<float>(chunk);
    float* row = document.vectors.data() + chunk * dimension;
    float squares = 0;
    for (std::size_t i = 0; i < dimension; ++i) {
      row[i] = (1 - lean) * row[i] + lean * first[i];
      squares += row[i] * row[i];
    }
    if (squares == 0) continue; // opposite vectors: no direction to keep
    const float scale = 1 / std::sqrt(squares);
    for (std::size_t i = 0; i < dimension; ++i) row[i] *= scale;
  }
}

} // namespace raglan::ingest
