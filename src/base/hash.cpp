#include "base/hash.h"

#include <openssl/sha.h>

#include "base/hex.h"

namespace raglan {

// SHA256_* is deprecated in OpenSSL 3 in favour of EVP, which allocates and looks its algorithm up
// for every digest (1.1 us against 0.2 us here); the low-level form stays in every 3.x release.
#pragma clang diagnostic ignored "-Wdeprecated-declarations"

namespace {

SHA256_CTX* sha(std::array<std::byte, Hasher::kStateBytes>& state) {
  static_assert(sizeof(SHA256_CTX) <= Hasher::kStateBytes);
  static_assert(alignof(SHA256_CTX) <= alignof(std::uint64_t));
  return reinterpret_cast<SHA256_CTX*>(state.data());
}

} // namespace

Hasher::Hasher() { SHA256_Init(sha(state_)); }

Hasher& Hasher::add(std::string_view field) {
  const std::uint64_t length_bytes = field.size();
  SHA256_Update(sha(state_), &length_bytes, sizeof length_bytes);
  SHA256_Update(sha(state_), field.data(), field.size());
  return *this;
}

Hasher& Hasher::add(std::uint64_t field) {
  // Its length and itself by one call.
  const std::array<std::uint64_t, 2> both{sizeof field, field};
  SHA256_Update(sha(state_), both.data(), sizeof both);
  return *this;
}

Hash128 Hasher::finish() {
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest;
  SHA256_Final(digest.data(), sha(state_));
  Hash128 hash;
  std::memcpy(hash.bytes.data(), digest.data(), hash.bytes.size());
  return hash;
}

Hash128 hash128(std::string_view content) { return Hasher().add(content).finish(); }

std::string Hash128::hex() const { return to_hex(bytes); }

std::optional<Hash128> Hash128::from_hex(std::string_view hex) {
  Hash128 hash;
  if (!raglan::from_hex(hex, hash.bytes)) return std::nullopt;
  return hash;
}

} // namespace raglan
