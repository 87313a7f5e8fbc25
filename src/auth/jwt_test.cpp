#include "auth/jwt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "auth/base64url.h"

namespace raglan::auth {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

const std::string kSecret(32, 's');
const WallTime kNow(std::chrono::seconds(1'800'000'000));

using Key = std::shared_ptr<EVP_PKEY>;

std::string pem_of(const Key& key) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> memory(BIO_new(BIO_s_mem()), &BIO_free);
  PEM_write_bio_PUBKEY(memory.get(), key.get());
  char* text = nullptr;
  const long length = BIO_get_mem_data(memory.get(), &text);
  return std::string(text, static_cast<std::size_t>(length));
}

std::string hmac(std::string_view secret, std::string_view message) {
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned length = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(message.data()), message.size(),
       reinterpret_cast<unsigned char*>(out.data()), &length);
  return out.substr(0, length);
}

std::string sign_with(const Key& key, const EVP_MD* digest, std::string_view message) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key.get());
  std::string out(1024, '\0');
  std::size_t length = out.size();
  EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &length,
                 reinterpret_cast<const unsigned char*>(message.data()), message.size());
  return out.substr(0, length);
}

// DER to r || s.
std::string raw_ecdsa(const std::string& der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> pair(
      d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())), &ECDSA_SIG_free);
  std::string raw(64, '\0');
  BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), reinterpret_cast<unsigned char*>(raw.data()), 32);
  BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), reinterpret_cast<unsigned char*>(raw.data()) + 32, 32);
  return raw;
}

std::string unsigned_token(std::string_view header, std::string_view payload) {
  return base64url_encode(header) + '.' + base64url_encode(payload);
}

std::string hs256(std::string_view payload, std::string_view header = R"({"alg":"HS256"})",
                  std::string_view secret = kSecret) {
  const std::string message = unsigned_token(header, payload);
  return message + '.' + base64url_encode(hmac(secret, message));
}

constexpr std::string_view kPayload =
    R"({"tenant":"acme","tier":"vip","scope":"read write other","sub":"ann","exp":1800000100})";

class JwtTest : public testing::Test {
 protected:
  JwtTest() { keys_.add("", *VerificationKey::from_secret(kSecret)); }

  Result<Identity> verify(std::string_view token) {
    auto verified = verify_jwt(token, keys_, claims_, kNow);
    if (!verified) return forward_error(verified);
    return std::move(verified->identity);
  }
  std::string reason(std::string_view token) {
    auto identity = verify(token);
    if (identity) return "accepted";
    EXPECT_EQ(identity.error().code, ErrorCode::kUnauthenticated);
    return identity.error().message;
  }
  static std::string with_times(std::string_view times) {
    return hs256(R"({"tenant":"acme",)" + std::string(times) + "}");
  }

  KeySet keys_;
  JwtClaims claims_;
};

TEST_F(JwtTest, ClaimsGiveTenantTierAndScopes) {
  const auto identity = verify(hs256(kPayload));
  ASSERT_TRUE(identity) << identity.error().message;
  EXPECT_EQ(identity->tenant, "acme");
  EXPECT_EQ(identity->tier, policy::Tier::kVip);
  EXPECT_EQ(identity->scopes, Scopes().add(Scope::kRead).add(Scope::kWrite));
  EXPECT_EQ(identity->subject, "ann");
}

TEST_F(JwtTest, WhatIsNotClaimedIsTheLeast) {
  const auto identity = verify(with_times(R"("exp":1800000100)"));
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->tier, policy::Tier::kFree);
  EXPECT_EQ(identity->scopes, Scopes());
  const auto listed = verify(with_times(R"("exp":1800000100,"scope":["admin",7,"x"])"));
  EXPECT_EQ(listed->scopes, Scopes().add(Scope::kAdmin));
}

TEST_F(JwtTest, ATokenWithoutAUsableTenantOrTierIsRefused) {
  for (const char* tenant : {"\"\"", "7", "null", "\"a\\nb\""}) {
    EXPECT_THAT(reason(hs256(fmt::format(R"({{"tenant":{},"exp":1800000100}})", tenant))),
                HasSubstr("tenant"));
  }
  EXPECT_THAT(reason(hs256(R"({"exp":1800000100})")), HasSubstr("tenant"));
  EXPECT_THAT(reason(with_times(R"("exp":1800000100,"tier":"ingest")")), HasSubstr("tier"));
  EXPECT_THAT(reason(with_times(R"("exp":1800000100,"tier":"gold")")), HasSubstr("tier"));
}

TEST_F(JwtTest, TimesCountToTheSecondWithTheLeeway) {
  claims_.leeway = 10s;
  EXPECT_TRUE(verify(with_times(R"("exp":1799999991)")));
  EXPECT_THAT(reason(with_times(R"("exp":1799999990)")), HasSubstr("expired"));
  EXPECT_TRUE(verify(with_times(R"("exp":1800000100,"nbf":1800000010,"iat":1800000010)")));
  EXPECT_THAT(reason(with_times(R"("exp":1800000100,"nbf":1800000011)")), HasSubstr("not valid"));
  EXPECT_THAT(reason(with_times(R"("exp":1800000100,"iat":1800000011)")), HasSubstr("not valid"));
  EXPECT_THAT(reason(with_times(R"("exp":1800000100,"nbf":"soon")")), HasSubstr("not valid"));
  EXPECT_THAT(reason(with_times(R"("iat":1799999999)")), HasSubstr("when it expires"));
  EXPECT_THAT(reason(with_times(R"("exp":"1800000100")")), HasSubstr("when it expires"));
  claims_.leeway = 1h; // no more than a minute counts
  EXPECT_TRUE(verify(with_times(R"("exp":1799999941)")));
  EXPECT_THAT(reason(with_times(R"("exp":1799999940)")), HasSubstr("expired"));
}

TEST_F(JwtTest, SaysWhenItWillBeRefused) {
  claims_.leeway = 10s;
  const auto expires = [this](std::string_view exp) {
    return verify_jwt(with_times(fmt::format(R"("exp":{})", exp)), keys_, claims_, kNow)->expires;
  };
  EXPECT_EQ(expires("1800000100"), kNow + 110s);
  EXPECT_EQ(expires("1800000100.5"), kNow + 110'500ms);
  EXPECT_GT(expires("1e300"), kNow + 24h);
}

TEST_F(JwtTest, IssuerAndAudienceMustBeOurs) {
  claims_.issuer = "https://id.example";
  claims_.audience = "raglan";
  const auto of = [](std::string_view issuer, std::string_view audience) {
    return with_times(fmt::format(R"("exp":1800000100,"iss":{},"aud":{})", issuer, audience));
  };
  EXPECT_TRUE(verify(of(R"("https://id.example")", R"("raglan")")));
  EXPECT_TRUE(verify(of(R"("https://id.example")", R"(["other","raglan"])")));
  EXPECT_THAT(reason(of(R"("https://id.example/")", R"("raglan")")), HasSubstr("issuer"));
  EXPECT_THAT(reason(of(R"("https://id.example")", R"("raglan2")")), HasSubstr("somebody else"));
  EXPECT_THAT(reason(of(R"("https://id.example")", R"([])")), HasSubstr("somebody else"));
  EXPECT_THAT(reason(with_times(R"("exp":1800000100)")), HasSubstr("issuer"));
}

TEST_F(JwtTest, TheSignatureCoversEveryByte) {
  const std::string token = hs256(kPayload);
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_NE(reason(changed), "accepted") << i;
  }
  EXPECT_THAT(reason(hs256(kPayload, R"({"alg":"HS256"})", std::string(32, 't'))),
              HasSubstr("signature"));
  EXPECT_THAT(reason(token.substr(0, token.rfind('.') + 1)), HasSubstr("signature"));
}

TEST_F(JwtTest, WhatIsNoTokenIsRefused) {
  EXPECT_THAT(reason(""), HasSubstr("no token"));
  EXPECT_THAT(reason("a.b"), HasSubstr("no token"));
  EXPECT_THAT(reason(hs256(kPayload) + ".x"), HasSubstr("no token"));
  EXPECT_THAT(reason(std::string(kMaxTokenBytes + 1, '.')), HasSubstr("too long"));
  EXPECT_THAT(reason(hs256("[]")), HasSubstr("no claims"));
  EXPECT_THAT(reason(hs256(kPayload, R"({"alg":"HS256","crit":["x"]})")), HasSubstr("extensions"));
  EXPECT_THAT(reason(hs256(kPayload, "[]")), HasSubstr("no token"));
}

TEST_F(JwtTest, TheAlgorithmIsTheKeysAndNotTheTokens) {
  const Key rsa(EVP_RSA_gen(2048), &EVP_PKEY_free);
  const std::string pem = pem_of(rsa);
  keys_ = {};
  keys_.add("", *VerificationKey::from_pem(pem));
  // The public key as a secret, which everybody knows.
  EXPECT_THAT(reason(hs256(kPayload, R"({"alg":"HS256"})", pem)), HasSubstr("no key"));
  EXPECT_THAT(reason(hs256(kPayload, R"({"alg":"RS256"})", pem)), HasSubstr("signature"));
  const std::string none = unsigned_token(R"({"alg":"none"})", kPayload) + '.';
  EXPECT_THAT(reason(none), HasSubstr("no key"));
}

TEST_F(JwtTest, RsaP256AndEd25519Verify) {
  const Key rsa(EVP_RSA_gen(2048), &EVP_PKEY_free);
  const Key p256(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  const Key ed(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), &EVP_PKEY_free);
  keys_ = {};
  keys_.add("r", *VerificationKey::from_pem(pem_of(rsa)));
  keys_.add("e", *VerificationKey::from_pem(pem_of(p256)));
  keys_.add("d", *VerificationKey::from_pem(pem_of(ed)));
  const std::string rs = unsigned_token(R"({"alg":"RS256","kid":"r"})", kPayload);
  EXPECT_EQ(reason(rs + '.' + base64url_encode(sign_with(rsa, EVP_sha256(), rs))), "accepted");
  const std::string es = unsigned_token(R"({"alg":"ES256","kid":"e"})", kPayload);
  const std::string der = sign_with(p256, EVP_sha256(), es);
  EXPECT_EQ(reason(es + '.' + base64url_encode(raw_ecdsa(der))), "accepted");
  EXPECT_NE(reason(es + '.' + base64url_encode(der)), "accepted"); // not as tokens have it
  const std::string zero = es + '.' + base64url_encode(std::string(64, '\0'));
  EXPECT_NE(reason(zero), "accepted");
  const std::string eddsa = unsigned_token(R"({"alg":"EdDSA","kid":"d"})", kPayload);
  EXPECT_EQ(reason(eddsa + '.' + base64url_encode(sign_with(ed, nullptr, eddsa))), "accepted");
  const std::string unknown = unsigned_token(R"({"alg":"EdDSA","kid":"x"})", kPayload);
  EXPECT_THAT(reason(unknown + '.' + base64url_encode(sign_with(ed, nullptr, unknown))),
              HasSubstr("no key"));
}

// The keys and the token of RFC 7515, appendix A.3, and RFC 8037, appendix A.
TEST(KeySet, ReadsWhatIssuersPublish) {
  const auto keys = KeySet::from_jwks(R"({"keys":[
    {"kty":"EC","crv":"P-256","kid":"ec","use":"sig","alg":"ES256",
     "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
     "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
    {"kty":"OKP","crv":"Ed25519","kid":"ed","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    {"kty":"oct","k":"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"},
    {"kty":"RSA","use":"enc","n":"sXch","e":"AQAB"},
    {"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"},
    7]})");
  ASSERT_TRUE(keys) << keys.error().message;
  EXPECT_EQ(keys->size(), 2u);
  const VerificationKey* ec = keys->find("ec", "ES256");
  ASSERT_NE(ec, nullptr);
  EXPECT_TRUE(ec->verify(
      "eyJhbGciOiJFUzI1NiJ9."
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl"
      "fQ",
      *base64url_decode(
          "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-"
          "Kg6NU1Q")));
  const VerificationKey* ed = keys->find("", "EdDSA"); // the only one
  ASSERT_NE(ed, nullptr);
  EXPECT_TRUE(
      ed->verify("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
                 *base64url_decode("hgyY0il_MGCjP0JzlnLWG1PPOt7-"
                                   "09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg")));
  EXPECT_EQ(keys->find("ec", "RS256"), nullptr);
  EXPECT_EQ(keys->find("none", "ES256"), nullptr);
}

TEST(KeySet, WhatIsNoneOrHasNothingOfUseIsRefused) {
  EXPECT_FALSE(KeySet::from_jwks("not json"));
  EXPECT_FALSE(KeySet::from_jwks(R"({"keys":{}})"));
  EXPECT_FALSE(KeySet::from_jwks(R"({"keys":[]})"));
  EXPECT_FALSE(KeySet::from_jwks(R"({"keys":[{"kty":"oct","k":"AAAA"}]})"));
}

TEST(KeySet, WithoutAnIdOnlyTheOnlyKeyOfItsAlgorithmIsMeant) {
  KeySet keys;
  keys.add("a", *VerificationKey::from_secret(kSecret));
  EXPECT_NE(keys.find("", "HS256"), nullptr);
  keys.add("b", *VerificationKey::from_secret(kSecret));
  EXPECT_EQ(keys.find("", "HS256"), nullptr);
  EXPECT_NE(keys.find("b", "HS256"), nullptr);
}

TEST(KeySet, AKeyWithoutAnIdIsThatOfAnyToken) {
  KeySet keys;
  keys.add("", *VerificationKey::from_secret(kSecret));
  EXPECT_NE(keys.find("whatever", "HS256"), nullptr);
  EXPECT_TRUE(keys.knows("whatever"));
  keys.add("named", *VerificationKey::from_secret(std::string(32, 'n')));
  EXPECT_EQ(keys.find("named", "HS256"), keys.find("named", "HS256"));
  EXPECT_NE(keys.find("named", "HS256"), keys.find("whatever", "HS256"));
}

TEST(VerificationKey, WeakAndForeignKeysAreRefused) {
  EXPECT_FALSE(VerificationKey::from_secret(std::string(31, 's')));
  EXPECT_TRUE(VerificationKey::from_secret(std::string(32, 's')));
  EXPECT_FALSE(VerificationKey::from_pem(pem_of({EVP_RSA_gen(1024), &EVP_PKEY_free})));
  EXPECT_FALSE(VerificationKey::from_pem(pem_of({EVP_EC_gen("P-384"), &EVP_PKEY_free})));
  EXPECT_FALSE(VerificationKey::from_pem("-----BEGIN PUBLIC KEY-----\nAAAA\n"));
  EXPECT_FALSE(VerificationKey::from_pem(""));
}

TEST(Base64Url, HasOneSpellingForEachText) {
  for (const std::string text : {"", "a", "ab", "abc", "\xff\xfe\xfd"}) {
    EXPECT_EQ(base64url_decode(base64url_encode(text)), text);
  }
  EXPECT_EQ(base64url_encode("\xff\xfe\xfd"), "__79");
  for (const char* wrong : {"YQ==", "YR", "Y", "Y Q", "YQ\n", "//79", "++"}) {
    EXPECT_FALSE(base64url_decode(wrong)) << wrong;
  }
}

} // namespace
} // namespace raglan::auth
