#include "postgres_store/postings.h"

#include <utility>

namespace raglan::postgres_store {
namespace {

void append(std::string& bytes, std::uint64_t number) {
  for (; number >= 0x80; number >>= 7) bytes += static_cast<char>(number | 0x80);
  bytes += static_cast<char>(number);
}

// Takes one number off the front. False when there is none, or more than fits.
bool take(std::string_view& bytes, std::uint64_t& number) {
  number = 0;
  for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    number |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

std::unexpected<Error> damaged() {
  return fail(ErrorCode::kCorrupt, "the store's postings are damaged");
}

} // namespace

std::string encode_postings(const std::vector<Posting>& postings) {
  std::string bytes;
  append(bytes, postings.size());
  std::uint64_t before = 0;
  for (const Posting& posting : postings) {
    append(bytes, posting.chunk_id - std::exchange(before, posting.chunk_id));
    append(bytes, posting.occurrences);
    append(bytes, posting.length_terms);
  }
  return bytes;
}

Result<> decode_postings(std::string_view bytes, std::vector<Posting>& postings) {
  while (!bytes.empty()) {
    std::uint64_t count = 0;
    if (!take(bytes, count)) return damaged();
    std::uint64_t chunk_id = 0;
    for (; count > 0; --count) {
      std::uint64_t difference = 0;
      std::uint64_t occurrences = 0;
      std::uint64_t length_terms = 0;
      const bool whole =
          take(bytes, difference) && take(bytes, occurrences) && take(bytes, length_terms);
      if (!whole || !std::in_range<std::uint32_t>(occurrences) ||
          !std::in_range<std::uint32_t>(length_terms)) {
        return damaged();
      }
      chunk_id += difference;
      postings.push_back({chunk_id, static_cast<std::uint32_t>(occurrences),
                          static_cast<std::uint32_t>(length_terms)});
    }
  }
  return {};
}

} // namespace raglan::postgres_store
