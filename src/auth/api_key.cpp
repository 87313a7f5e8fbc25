#include "auth/api_key.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "auth/base64url.h"
#include "auth/random_bytes.h"
#include "base/hex.h"
#include "base/ids.h"
#include "base/json_lookup.h"
#include "base/json_text.h"
#include "base/unix_time.h"

namespace raglan::auth {
namespace {

constexpr std::string_view kPrefix = "rgl_";
constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kSecretBytesEncoded = 43;
constexpr std::size_t kShownBytes = kPrefix.size() + 4;

} // namespace

bool is_api_key(std::string_view credential) {
  return credential.size() == kPrefix.size() + kSecretBytesEncoded &&
         credential.starts_with(kPrefix);
}

std::string hash_api_key(std::string_view secret) {
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(secret.data()), secret.size(), digest.data());
  return to_hex(digest);
}

Result<NewApiKey> make_api_key(std::string name, Identity identity, std::optional<WallTime> expires,
                               WallTime now) {
  auto bytes = random_bytes(kSecretBytes);
  if (!bytes) return forward_error(bytes);
  std::string secret = std::string(kPrefix) + base64url_encode(*bytes);
  ApiKey key{.id = make_uuid7(now),
             .name = std::move(name),
             .begins = secret.substr(0, kShownBytes),
             .hash = hash_api_key(secret),
             .identity = std::move(identity),
             .created_at = now,
             .expires = expires};
  key.identity.subject = key.id;
  return NewApiKey{std::move(key), std::move(secret)};
}

std::string api_key_json(const ApiKey& key) {
  boost::json::object json{{"name", key.name},
                           {"begins", key.begins},
                           {"hash", key.hash},
                           {"tier", policy::tier_name(key.identity.tier)},
                           {"scope", format_scopes(key.identity.scopes)},
                           {"created_at_ms", to_unix_milliseconds(key.created_at)}};
  if (key.expires) json["expires_at_ms"] = to_unix_milliseconds(*key.expires);
  return json_text(json);
}

std::optional<ApiKey> parse_api_key(std::string id, std::string tenant, std::string_view json) {
  boost::system::error_code failure;
  const boost::json::value value = boost::json::parse(json, failure);
  if (failure) return std::nullopt;
  const auto tier = policy::tier_from_name(text_at(value, "tier"));
  ApiKey key{.id = std::move(id),
             .name = std::string(text_at(value, "name")),
             .begins = std::string(text_at(value, "begins")),
             .hash = std::string(text_at(value, "hash")),
             .created_at = time_at(value, "created_at_ms").value_or(WallTime())};
  if (!tier || key.hash.size() != 2 * SHA256_DIGEST_LENGTH) return std::nullopt;
  key.identity = {.tenant = std::move(tenant),
                  .tier = *tier,
                  .scopes = parse_scopes(text_at(value, "scope")),
                  .subject = key.id};
  key.expires = time_at(value, "expires_at_ms");
  return key;
}

ApiKeySet::ApiKeySet(std::vector<ApiKey> keys) {
  for (ApiKey& key : keys) {
    std::string hash = key.hash;
    keys_.emplace(std::move(hash), std::move(key));
  }
}

const ApiKey* ApiKeySet::find(std::string_view secret, WallTime now) const {
  const auto found = keys_.find(hash_api_key(secret));
  if (found == keys_.end()) return nullptr;
  const ApiKey& key = found->second;
  return key.expires && now >= *key.expires ? nullptr : &key;
}

} // namespace raglan::auth
