// API keys: whoever brings the secret is who the key says. They are made by an operator, shown
// once, and known from then on by their hash.
//
//   auto made = make_api_key({.name = "ci", .identity = …}, clock.wall_now());
//   show(made->secret);                  // "rgl_" and 256 random bits
//   auto key = keys.find(secret, now);   // of an ApiKeySet
//
// The hash is SHA-256 of the whole secret, without salt or stretching: nobody guesses 256 bits, and
// it must be fast.
//
// Thread safety: values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "auth/identity.h"
#include "base/clock.h"
#include "base/result.h"

namespace raglan::auth {

struct ApiKey {
  std::string id;     // "019ab3c2-7d11-…"; names it where it is listed and revoked
  std::string name;   // what it is for
  std::string begins; // with what the secret begins, to tell it by
  std::string hash;   // in hexadecimal digits
  Identity identity;  // its subject is the key's id
  WallTime created_at{};
  std::optional<WallTime> expires; // from then on it is refused
};

// Whether a credential is meant to be one.
bool is_api_key(std::string_view credential);
std::string hash_api_key(std::string_view secret);

struct NewApiKey {
  ApiKey key;
  std::string secret;
};
// kUnavailable when the system gives no random bits.
Result<NewApiKey> make_api_key(std::string name, Identity identity, std::optional<WallTime> expires,
                               WallTime now);

// As it is stored, but for its id and tenant, which its place says.
std::string api_key_json(const ApiKey& key);
// Nothing for what api_key_json does not make.
std::optional<ApiKey> parse_api_key(std::string id, std::string tenant, std::string_view json);

class ApiKeySet {
 public:
  explicit ApiKeySet(std::vector<ApiKey> keys);
  // Null when there is none, or it has expired.
  const ApiKey* find(std::string_view secret, WallTime now) const;

 private:
  std::unordered_map<std::string, ApiKey> keys_; // by their hashes
};

} // namespace raglan::auth
