#include "store/records.h"

#include <algorithm>

#include "base/rng.h"
#include "base/utf8.h"

namespace raglan::store {
namespace {

bool is_part(std::string_view part) {
  const bool printable =
      std::ranges::none_of(part, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  return !part.empty() && part.size() <= kMaxRecordKeyBytes && printable && is_valid_utf8(part);
}

} // namespace

Result<> check_record(const RecordWrite& write) {
  const auto& [kind, tenant, id] = write.key;
  if (!is_part(kind) || !is_part(tenant) || !is_part(id)) {
    return fail(ErrorCode::kInvalidField, "a record's key is 1 to 256 bytes of printable UTF-8");
  }
  if (write.value.size() > kMaxRecordBytes) {
    return fail(ErrorCode::kTooLarge, "it is too large to be kept");
  }
  if (write.value.contains('\0') || !is_valid_utf8(write.value)) {
    return fail(ErrorCode::kInvalidField, "it is not UTF-8, or holds U+0000");
  }
  return {};
}

std::uint64_t make_record_version() {
  constexpr std::uint64_t kMax = 0xffff'ffff'ffff; // a database's integers have a sign
  return std::max<std::uint64_t>(random_seed() & kMax, 1);
}

} // namespace raglan::store
