// Which entries of a cache an operator means: one, a scope's (EntryNotes::scope), or all.
#pragma once

#include <cstdint>
#include <optional>

#include "base/hash.h"

namespace raglan::cache {

// Entries that fit both; with neither, all.
struct Selection {
  std::optional<Hash128> key;
  std::optional<std::uint64_t> scope;
};

} // namespace raglan::cache
