// The settings `[auth]`.
#pragma once

#include <chrono>
#include <string>

#include "auth/jwt.h"
#include "config/secret.h"
#include "config/table.h"

namespace raglan::auth {

enum class Mode : std::uint8_t { kNone, kApiKey, kJwt, kAny };

constexpr bool takes_api_keys(Mode mode) { return mode == Mode::kApiKey || mode == Mode::kAny; }
constexpr bool takes_tokens(Mode mode) { return mode == Mode::kJwt || mode == Mode::kAny; }

struct AuthConfig {
  Mode mode = Mode::kNone;
  JwtClaims claims;
  // Where the keys come from: one of the three.
  std::string jwks_url;
  std::string public_key_file; // PEM
  config::Secret secret;       // of HS256
  std::chrono::milliseconds jwks_refresh{300'000};
  std::string ca_file; // of the server that jwks_url names; empty: the system's
};

void describe(config::Table<AuthConfig>& table);
void describe(config::Table<JwtClaims>& table);

} // namespace raglan::auth
