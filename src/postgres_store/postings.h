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
#include <utility>
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

namespace detail {

// Takes one number off the front. False when there is none, or more than fits.
inline bool take_number(std::string_view& bytes, std::uint64_t& number) {
  number = 0;
  for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    number |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

} // namespace detail

// Calls `visit(Posting)` for those of all blocks. False: these are not what encode_postings made;
// nothing beyond the bytes is read.
template <typename Visit>
bool for_each_posting(std::string_view bytes, Visit visit) {
  while (!bytes.empty()) {
    std::uint64_t count = 0;
    if (!detail::take_number(bytes, count)) return false;
    std::uint64_t chunk_id = 0;
    for (; count > 0; --count) {
      std::uint64_t difference = 0;
      std::uint64_t occurrences = 0;
      std::uint64_t length_terms = 0;
      const bool whole = detail::take_number(bytes, difference) &&
                         detail::take_number(bytes, occurrences) &&
                         detail::take_number(bytes, length_terms);
      if (!whole || !std::in_range<std::uint32_t>(occurrences) ||
          !std::in_range<std::uint32_t>(length_terms)) {
        return false;
      }
      chunk_id += difference;
      visit(Posting{chunk_id, static_cast<std::uint32_t>(occurrences),
                    static_cast<std::uint32_t>(length_terms)});
    }
  }
  return true;
}

// Appends those of all blocks. kCorrupt, as above.
Result<> decode_postings(std::string_view bytes, std::vector<Posting>& postings);

} // namespace raglan::postgres_store
