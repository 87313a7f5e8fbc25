#include "base/hash.h"

#include <openssl/sha.h>

#include "base/hex.h"

namespace raglan {

// SHA256_* is deprecated in OpenSSL 3 in favour of EVP, which allocates and looks its algorithm up
// for every digest (1.1 us against 0.2 us here); the low-level form stays in every 3.x release.
#pragma clang diagnostic ignored "-Wdeprecated-declarations"

struct Hasher::Context {
  SHA256_CTX sha;
};

Hasher::Hasher() : context_(std::make_unique<Context>()) { SHA256_Init(&context_->sha); }
Hasher::~Hasher() = default;

Hasher& Hasher::add(std::string_view field) {
  const std::uint64_t length_bytes = field.size();
  SHA256_Update(&context_->sha, &length_bytes, sizeof length_bytes);
  SHA256_Update(&context_->sha, field.data(), field.size());
  return *this;
}

Hasher& Hasher::add(std::uint64_t field) {
  return add(std::string_view(reinterpret_cast<const char*>(&field), sizeof field));
}

Hash128 Hasher::finish() {
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest;
  SHA256_Final(digest.data(), &context_->sha);
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
