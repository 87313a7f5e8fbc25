#include "postgres_store/postings.h"

#include <utility>

namespace raglan::postgres_store {
namespace {

void append(std::string& bytes, std::uint64_t number) {
  for (; number >= 0x80; number >>= 7) bytes += static_cast<char>(number | 0x80);
  bytes += static_cast<char>(number);
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
  const auto add = [&](const Posting& posting) { postings.push_back(posting); };
  if (for_each_posting(bytes, add)) return {};
  return fail(ErrorCode::kCorrupt, "the store's postings are damaged");
}

} // namespace raglan::postgres_store
