#include "auth/verification_key.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include <array>
#include <optional>

#include "auth/base64url.h"
#include "auth/hmac.h"
#include "base/json_lookup.h"

namespace raglan::auth {
namespace {

using BigNumber = std::unique_ptr<BIGNUM, decltype(&BN_free)>;
using Bytes = std::vector<unsigned char>;

constexpr std::size_t kMinSecretBytes = 32;
constexpr int kMinRsaBits = 2048;
constexpr std::size_t kCoordinateBytes = 32; // of P-256, and of r and s

std::unexpected<Error> unusable(std::string message) {
  return fail(ErrorCode::kInvalidField, std::move(message));
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::shared_ptr<EVP_PKEY> owned(EVP_PKEY* key) { return {key, &EVP_PKEY_free}; }

std::shared_ptr<EVP_PKEY> from_parameters(const char* kind, OSSL_PARAM_BLD* build) {
  const std::unique_ptr<OSSL_PARAM, decltype(&OSSL_PARAM_free)> parameters(
      OSSL_PARAM_BLD_to_param(build), &OSSL_PARAM_free);
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr), &EVP_PKEY_CTX_free);
  EVP_PKEY* key = nullptr;
  if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
    return nullptr;
  }
  return owned(key);
}

using Builder = std::unique_ptr<OSSL_PARAM_BLD, decltype(&OSSL_PARAM_BLD_free)>;

std::shared_ptr<EVP_PKEY> rsa_key(const Bytes& modulus, const Bytes& exponent) {
  const BigNumber n(BN_bin2bn(modulus.data(), static_cast<int>(modulus.size()), nullptr), &BN_free);
  const BigNumber e(BN_bin2bn(exponent.data(), static_cast<int>(exponent.size()), nullptr),
                    &BN_free);
  const Builder build(OSSL_PARAM_BLD_new(), &OSSL_PARAM_BLD_free);
  if (!build || !OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) ||
      !OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_E, e.get())) {
    return nullptr;
  }
  return from_parameters("RSA", build.get());
}

std::shared_ptr<EVP_PKEY> p256_key(const Bytes& x, const Bytes& y) {
  if (x.size() != kCoordinateBytes || y.size() != kCoordinateBytes) return nullptr;
  constexpr unsigned char kUncompressed = 4;
  Bytes point{kUncompressed};
  point.insert(point.end(), x.begin(), x.end());
  point.insert(point.end(), y.begin(), y.end());
  const Builder build(OSSL_PARAM_BLD_new(), &OSSL_PARAM_BLD_free);
  if (!build ||
      !OSSL_PARAM_BLD_push_utf8_string(build.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) ||
      !OSSL_PARAM_BLD_push_octet_string(build.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                        point.size())) {
    return nullptr;
  }
  return from_parameters("EC", build.get()); // which refuses a point that is not on the curve
}

std::optional<Bytes> member_bytes(const boost::json::value& jwk, std::string_view name) {
  const auto decoded = base64url_decode(text_at(jwk, name));
  if (!decoded || decoded->empty()) return std::nullopt;
  return Bytes(decoded->begin(), decoded->end());
}

std::shared_ptr<EVP_PKEY> key_of_jwk(const boost::json::value& jwk) {
  const auto kind = text_at(jwk, "kty");
  const auto curve = text_at(jwk, "crv");
  if (kind == "RSA") {
    const auto n = member_bytes(jwk, "n");
    const auto e = member_bytes(jwk, "e");
    return n && e ? rsa_key(*n, *e) : nullptr;
  }
  const auto x = member_bytes(jwk, "x");
  if (kind == "EC" && curve == "P-256") {
    const auto y = member_bytes(jwk, "y");
    return x && y ? p256_key(*x, *y) : nullptr;
  }
  if (kind == "OKP" && curve == "Ed25519" && x) {
    return owned(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, x->data(), x->size()));
  }
  return nullptr;
}

// OpenSSL wants r and s as ASN.1.
std::optional<Bytes> ecdsa_der(std::string_view signature) {
  if (signature.size() != 2 * kCoordinateBytes) return std::nullopt;
  BIGNUM* r = BN_bin2bn(bytes_of(signature), kCoordinateBytes, nullptr);
  BIGNUM* s = BN_bin2bn(bytes_of(signature) + kCoordinateBytes, kCoordinateBytes, nullptr);
  const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> pair(ECDSA_SIG_new(),
                                                                   &ECDSA_SIG_free);
  if (!pair || ECDSA_SIG_set0(pair.get(), r, s) != 1) {
    BN_free(r);
    BN_free(s);
    return std::nullopt;
  }
  unsigned char* der = nullptr;
  const int length = i2d_ECDSA_SIG(pair.get(), &der);
  if (length <= 0) return std::nullopt;
  Bytes bytes(der, der + length);
  OPENSSL_free(der);
  return bytes;
}

} // namespace

std::string_view algorithm_name(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::kHs256: return "HS256";
    case Algorithm::kRs256: return "RS256";
    case Algorithm::kEs256: return "ES256";
    case Algorithm::kEdDsa: return "EdDSA";
  }
  return "";
}

Result<VerificationKey> VerificationKey::from_secret(std::string_view secret) {
  if (secret.size() < kMinSecretBytes) {
    return unusable("a secret for HS256 has at least 32 bytes");
  }
  return VerificationKey(Algorithm::kHs256, nullptr, std::string(secret));
}

Result<VerificationKey> VerificationKey::from_pem(const std::string& pem) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> memory(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  if (!memory) return unusable("no memory");
  if (pem.find("BEGIN CERTIFICATE") != pem.npos) {
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(
        PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr), &X509_free);
    return of_public_key(certificate ? owned(X509_get_pubkey(certificate.get())) : nullptr);
  }
  return of_public_key(owned(PEM_read_bio_PUBKEY(memory.get(), nullptr, nullptr, nullptr)));
}

Result<VerificationKey> VerificationKey::from_jwk(const boost::json::value& jwk) {
  const std::string_view use = text_at(jwk, "use");
  if (!use.empty() && use != "sig") return unusable("not a key for signatures");
  auto key = of_public_key(key_of_jwk(jwk));
  if (!key) return key;
  const std::string_view algorithm = text_at(jwk, "alg");
  if (!algorithm.empty() && algorithm != algorithm_name(key->algorithm())) {
    return unusable("a key for another algorithm");
  }
  return key;
}

Result<VerificationKey> VerificationKey::of_public_key(std::shared_ptr<EVP_PKEY> key) {
  if (!key) return unusable("not a public key of RSA, P-256 or Ed25519");
  switch (EVP_PKEY_get_base_id(key.get())) {
    case EVP_PKEY_RSA:
      if (EVP_PKEY_get_bits(key.get()) < kMinRsaBits) {
        return unusable("an RSA key has at least 2048 bits");
      }
      return VerificationKey(Algorithm::kRs256, std::move(key), "");
    case EVP_PKEY_ED25519: return VerificationKey(Algorithm::kEdDsa, std::move(key), "");
    case EVP_PKEY_EC: {
      std::array<char, 32> group{};
      std::size_t length = 0;
      if (EVP_PKEY_get_group_name(key.get(), group.data(), group.size(), &length) == 1 &&
          std::string_view(group.data(), length) == "prime256v1") {
        return VerificationKey(Algorithm::kEs256, std::move(key), "");
      }
      break;
    }
    default: break;
  }
  return unusable("not a public key of RSA, P-256 or Ed25519");
}

bool VerificationKey::verify(std::string_view message, std::string_view signature) const {
  if (algorithm_ == Algorithm::kHs256) {
    return is_same_secret(signature, hmac_sha256(secret_, message));
  }
  Bytes bytes(signature.begin(), signature.end());
  if (algorithm_ == Algorithm::kEs256) {
    auto der = ecdsa_der(signature);
    if (!der) return false;
    bytes = std::move(*der);
  }
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  const EVP_MD* digest = algorithm_ == Algorithm::kEdDsa ? nullptr : EVP_sha256();
  return context &&
         EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key_.get()) == 1 &&
         EVP_DigestVerify(context.get(), bytes.data(), bytes.size(), bytes_of(message),
                          message.size()) == 1;
}

} // namespace raglan::auth
