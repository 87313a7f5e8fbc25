// Documents made from text, for tests of stores.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "store/embedding_space.h"
#include "store/types.h"

namespace raglan::store {

inline const EmbeddingSpace kSpace{"test-model", 2};

// A unit vector that depends on the text alone.
inline std::vector<float> vector_of(std::string_view text) {
  const double angle = static_cast<double>(hash128(text).bytes[0]) / 256.0;
  return {static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))};
}

// One chunk per line of the text.
inline PreparedDocument make_document(std::string id, std::string text,
                                      std::string metadata_json = "{}") {
  PreparedDocument prepared;
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    const std::string line = text.substr(start, end - start);
    prepared.chunks.push_back({.document_id = id,
                               .ordinal = static_cast<std::uint32_t>(prepared.chunks.size()),
                               .title_path = "Title",
                               .text = line,
                               .start = start,
                               .end = end});
    const auto vector = vector_of(line);
    prepared.vectors.insert(prepared.vectors.end(), vector.begin(), vector.end());
    start = end + 1;
  }
  prepared.document = {.id = std::move(id),
                       .title = "Title",
                       .uri = "file:x",
                       .text = std::move(text),
                       .metadata_json = std::move(metadata_json)};
  prepared.document.content_hash =
      Hasher().add(prepared.document.text).add(prepared.document.metadata_json).finish();
  return prepared;
}

template <typename T>
ErrorCode code_of(const Result<T>& result) {
  EXPECT_FALSE(result);
  return result ? ErrorCode::kInternal : result.error().code;
}

} // namespace raglan::store
