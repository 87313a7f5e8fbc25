// What became of one document of a write: the node's reply, and what `raglan ingest` reports.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"

namespace raglan::ingest {

enum class DocumentState : std::uint8_t { kIndexed, kUnchanged, kFailed };

struct DocumentStatus {
  std::string id;
  DocumentState state = DocumentState::kFailed;
  std::size_t chunks = 0;
  std::optional<Error> error; // when it failed
};

} // namespace raglan::ingest
