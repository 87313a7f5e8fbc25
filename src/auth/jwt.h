// JSON Web Tokens (RFC 7519, signed as RFC 7515 says), verified as RFC 8725 advises.
//
//   auto verified = verify_jwt(token, keys, claims, clock.wall_now());
//
// The signature comes first, by a key that is bound to its algorithm; nothing of a token is looked
// at before, but its header. Then: `exp` must be there and not be over; `nbf` and `iat` must not be
// to come; `iss` and `aud` must be what is configured. Clocks may differ by `leeway`.
//
// Claims give the tenant, the tier and the scopes, under names that can be set. A token without a
// tenant, or with one whose name breaks the rules, is refused; without a tier it is of the lowest;
// without scopes it may do nothing. Tenant names are up to 128 characters without control
// characters.
//
// Pure.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "auth/identity.h"
#include "auth/key_set.h"
#include "base/clock.h"
#include "base/result.h"

namespace raglan::auth {

struct JwtClaims {
  std::string issuer;   // empty: any
  std::string audience; // empty: any
  std::chrono::seconds leeway{30};
  std::string tenant_claim = "tenant";
  std::string tier_claim = "tier";
  std::string scope_claim = "scope"; // a text with blanks between, or a list
};

inline constexpr std::size_t kMaxTokenBytes = 8 * 1024;
inline constexpr std::chrono::seconds kMaxLeeway{60};

// Whether it looks like one: three parts with dots between.
bool is_jwt(std::string_view token);
// The id of the key that it says it is signed with; empty when it does not say, or is no token.
std::string key_id_of(std::string_view token);

struct VerifiedToken {
  Identity identity;
  WallTime expires{}; // from then on it is refused; the leeway is in it
};

// kUnauthenticated, with a reason for the log; nothing of the token is in it.
Result<VerifiedToken> verify_jwt(std::string_view token, const KeySet& keys,
                                 const JwtClaims& claims, WallTime now);

} // namespace raglan::auth
