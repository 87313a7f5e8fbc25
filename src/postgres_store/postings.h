// Which chunks hold a term, how often, and how long they are, as the bytes of one row of `posting`.
//
// A row holds one or more blocks, one after the other, so that rows are merged by joining their
// bytes, which SQL can do (segments.h). A block: the number of entries, and for each the difference
// of its chunk id to the one before (the first: to 0), its occurrences, and the chunk's length in
// terms; all as LEB128 numbers. Some four bytes an entry.
//
// Thread safety: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace raglan::postgres_store {

struct Posting {
  std::uint64_t chunk_id = 0;
  std::uint32_t occurrences = 0;
  std::uint32_t length_terms = 0;
  bool operator==(const Posting&) const = default;
};

// One block. Chunk ids must ascend.
std::string encode_postings(const std::vector<Posting>& postings);
// Appends those of all blocks. kCorrupt: these are not what encode_postings made; nothing beyond
// the bytes is read.
Result<> decode_postings(std::string_view bytes, std::vector<Posting>& postings);

} // namespace raglan::postgres_store
