#include "cache/shared_entry.h"

#include <xxhash.h>

#include "base/bytes.h"

namespace raglan::cache {
namespace {

// "RC", then the format's version.
constexpr std::uint32_t kFormat = 0x02'00'43'52;

std::uint64_t checksum(const Hash128& key, std::string_view bytes) {
  const std::uint64_t seed = XXH3_64bits(key.bytes.data(), key.bytes.size());
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::int64_t milliseconds(auto duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

} // namespace

std::string encode_entry(const Hash128& key, const SharedEntry& entry) {
  std::string body;
  ByteWriter(body)
      .value(kFormat)
      .value(milliseconds(entry.stored.time_since_epoch()))
      .value(milliseconds(entry.keep))
      .value(static_cast<std::int64_t>(entry.cost.count()))
      .value(entry.calls)
      .text(entry.value);
  ByteWriter(body).value(checksum(key, body));
  return body;
}

std::optional<SharedEntry> decode_entry(const Hash128& key, std::string_view bytes) {
  if (bytes.size() < sizeof(std::uint64_t)) return std::nullopt;
  const auto body = bytes.substr(0, bytes.size() - sizeof(std::uint64_t));
  ByteReader sum(bytes.substr(body.size()));
  if (sum.value<std::uint64_t>() != checksum(key, body)) return std::nullopt;
  ByteReader reader(body);
  if (reader.value<std::uint32_t>() != kFormat) return std::nullopt;
  SharedEntry entry;
  entry.stored = WallTime(std::chrono::milliseconds(reader.value<std::int64_t>()));
  entry.keep = std::chrono::milliseconds(reader.value<std::int64_t>());
  entry.cost = Duration(reader.value<std::int64_t>());
  entry.calls = reader.value<std::uint32_t>();
  entry.value = reader.text();
  if (!reader.done() || entry.cost < Duration::zero() || entry.keep < Duration::zero())
    return std::nullopt;
  return entry;
}

} // namespace raglan::cache
