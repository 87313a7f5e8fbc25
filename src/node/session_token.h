// A conversation as a text that only its signer can have made.
//
//   std::string token = sign_session({tenant, expires_at, session}, key);
//   auto held = read_session_token(token, key);
//
// "rst1.PAYLOAD.SIGNATURE": JSON and its HMAC with SHA-256, both in the base64 of URLs. Signed, not
// encrypted: whoever holds it can read it, and is meant to. The prefix is signed with it, so that
// no other kind of token passes for one.
//
// Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "node/session.h"

namespace raglan::node {

inline constexpr std::size_t kSigningKeyBytes = 32;

struct SessionClaims {
  std::string tenant;
  WallTime expires_at;
  Session session;
};

// Whether it looks like one, and is not a session's id.
bool is_session_token(std::string_view text);

std::string sign_session(const SessionClaims& claims, std::string_view key);
// Nothing when it was not signed with the key. Whose it is and whether it has expired is for the
// caller to see.
std::optional<SessionClaims> read_session_token(std::string_view token, std::string_view key);

} // namespace raglan::node
