// 128-bit content hashes, for cache keys and for "is this document unchanged?".
//
// The first 16 bytes of SHA-256 (OpenSSL). A keyed or a faster non-cryptographic hash was rejected:
// keys are made from text that clients choose, a forged collision would serve one question's answer
// for another, and at half a microsecond per key the speed does not matter.
//
// Fields are length-prefixed, so ("ab","c") and ("a","bc") differ.
//
//   Hash128 key = Hasher().add(tenant).add(collection).add(generation).finish();
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace raglan {

struct Hash128 {
  std::array<std::uint8_t, 16> bytes{};
  auto operator<=>(const Hash128&) const = default;
  std::string hex() const;
  static std::optional<Hash128> from_hex(std::string_view hex);
};

// The hash of one byte string.
Hash128 hash128(std::string_view content);

// Collects small fields, so that a key of many costs OpenSSL few calls.
class Hasher {
 public:
  static constexpr std::size_t kStateBytes = 112;

  Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  Hasher& add(std::string_view field);
  Hasher& add(std::uint64_t field);
  Hash128 finish(); // at most once

 private:
  // OpenSSL's state, in place: a key is made for each look into a cache.
  alignas(std::uint64_t) std::array<std::byte, kStateBytes> state_;
  std::array<char, 256> collected_;
  std::size_t collected_bytes_ = 0;

  void collect(const void* data, std::size_t size_bytes);
  void hash_collected();
};

} // namespace raglan

template <>
struct std::hash<raglan::Hash128> {
  std::size_t operator()(const raglan::Hash128& hash) const noexcept {
    std::size_t value;
    std::memcpy(&value, hash.bytes.data(), sizeof value);
    return value;
  }
};
