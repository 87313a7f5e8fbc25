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
  collect(&length_bytes, sizeof length_bytes);
  collect(field.data(), field.size());
  return *this;
}

Hasher& Hasher::add(std::uint64_t field) {
  const std::array<std::uint64_t, 2> both{sizeof field, field};
  collect(both.data(), sizeof both);
  return *this;
}

void Hasher::collect(const void* data, std::size_t size_bytes) {
  if (size_bytes > collected_.size() - collected_bytes_) hash_collected();
  if (size_bytes > collected_.size()) {
    SHA256_Update(sha(state_), data, size_bytes);
    return;
  }
  if (size_bytes > 0) std::memcpy(collected_.data() + collected_bytes_, data, size_bytes);
  collected_bytes_ += size_bytes;
}

void Hasher::hash_collected() {
  SHA256_Update(sha(state_), collected_.data(), collected_bytes_);
  collected_bytes_ = 0;
}

Hash128 Hasher::finish() {
  hash_collected();
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
