// Answers and passages as bytes, for the tier of a cache that other nodes share.
//
// The version is part of the bytes: what another version wrote is not read. What is read is checked
// for being whole, not for making sense: it lies under a checksum (cache/shared_entry.h).
//
// Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "rag/query.h"
#include "rag/retrieval.h"

namespace raglan::rag {

// Codecs of cache/tiered_cache.h.
struct AnswerCodec {
  static std::string encode(const Answer& answer);
  static std::optional<Answer> decode(std::string_view bytes);
  // What the front end will render included.
  static std::size_t bytes(const Answer& answer);
};

struct RetrievedCodec {
  static std::string encode(const Retrieved& retrieved);
  static std::optional<Retrieved> decode(std::string_view bytes);
  static std::size_t bytes(const Retrieved& retrieved);
};

} // namespace raglan::rag
