// A key that tokens are verified with, bound to one algorithm (RFC 8725, 3.1): which one is the
// key's to say and never the token's, else an RSA key's public half would be taken for an HMAC
// secret.
//
//   HS256    HMAC with SHA-256; a secret of at least 32 bytes (RFC 7518, 3.2)
//   RS256    RSASSA-PKCS1-v1_5 with SHA-256; a modulus of at least 2048 bits
//   ES256    ECDSA on P-256 with SHA-256; signatures are r || s (RFC 7518, 3.4)
//   EdDSA    Ed25519 (RFC 8037)
//
// The arithmetic is OpenSSL's.
//
// Thread safety: immutable; `verify` from any thread.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

using EVP_PKEY = struct evp_pkey_st;

namespace raglan::auth {

enum class Algorithm : std::uint8_t { kHs256, kRs256, kEs256, kEdDsa };

std::string_view algorithm_name(Algorithm algorithm); // as in a token's header

class VerificationKey {
 public:
  // Of HS256. kInvalidField: too short.
  static Result<VerificationKey> from_secret(std::string_view secret);
  // A public key, as "-----BEGIN PUBLIC KEY-----" or in a certificate; its kind says the algorithm.
  // kInvalidField: none of ours, or too weak.
  static Result<VerificationKey> from_pem(const std::string& pem);
  // RFC 7517: kty "RSA", "EC" or "OKP". Symmetric ones do not belong into a set that is published.
  // kInvalidField, likewise, and for one whose `alg` or `use` says that it is for something else.
  static Result<VerificationKey> from_jwk(const boost::json::value& jwk);

  Algorithm algorithm() const { return algorithm_; }
  bool verify(std::string_view message, std::string_view signature) const;

 private:
  VerificationKey(Algorithm algorithm, std::shared_ptr<EVP_PKEY> key, std::string secret)
      : algorithm_(algorithm), key_(std::move(key)), secret_(std::move(secret)) {}
  static Result<VerificationKey> of_public_key(std::shared_ptr<EVP_PKEY> key);

  Algorithm algorithm_;
  std::shared_ptr<EVP_PKEY> key_; // null with HS256
  std::string secret_;            // of HS256
};

} // namespace raglan::auth
