#include "store/records.h"

#include <algorithm>
#include <limits>

#include "base/rng.h"
#include "base/unix_time.h"
#include "base/utf8.h"

namespace raglan::store {
namespace {

bool is_part(std::string_view part) {
  const bool printable =
      std::ranges::none_of(part, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  return !part.empty() && part.size() <= kMaxRecordKeyBytes && printable && is_valid_utf8(part);
}

constexpr std::int64_t kNeverMs = std::numeric_limits<std::int64_t>::max();

} // namespace

std::int64_t expires_column(WallTime expires) {
  return expires == kNever ? kNeverMs : to_unix_milliseconds(expires);
}

WallTime expires_from_column(std::int64_t milliseconds) {
  return milliseconds == kNeverMs ? kNever : from_unix_milliseconds(milliseconds);
}

std::unexpected<Error> record_conflict() {
  return fail(ErrorCode::kConflict, "it was changed meanwhile");
}

bool is_record_key(const RecordKey& key) {
  return is_part(key.kind) && is_part(key.tenant) && is_part(key.id);
}

bool is_record_list(const std::string& kind, const std::string& tenant,
                    const std::string& after_id) {
  return is_part(kind) && is_part(tenant) && (after_id.empty() || is_part(after_id));
}

Result<> check_record(const RecordWrite& write) {
  if (!is_record_key(write.key)) {
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
