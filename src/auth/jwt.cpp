#include "auth/jwt.h"

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <cmath>
#include <optional>

#include "auth/base64url.h"
#include "base/json_lookup.h"
#include "base/utf8.h"

namespace raglan::auth {
namespace json = boost::json;
namespace {

constexpr std::size_t kMaxTenantBytes = 128;

std::unexpected<Error> refuse(std::string reason) {
  return fail(ErrorCode::kUnauthenticated, std::move(reason));
}

struct Parts {
  std::string_view header;
  std::string_view payload;
  std::string_view signature;
  std::string_view signed_bytes; // header.payload
};

std::optional<Parts> split(std::string_view token) {
  const std::size_t first = token.find('.');
  if (first == token.npos) return std::nullopt;
  const std::size_t second = token.find('.', first + 1);
  if (second == token.npos || token.find('.', second + 1) != token.npos) return std::nullopt;
  return Parts{token.substr(0, first), token.substr(first + 1, second - first - 1),
               token.substr(second + 1), token.substr(0, second)};
}

std::optional<json::value> parse_part(std::string_view part) {
  const auto text = base64url_decode(part);
  if (!text) return std::nullopt;
  boost::system::error_code error;
  json::value value = json::parse(*text, error);
  if (error || !value.is_object()) return std::nullopt;
  return value;
}

// Seconds since 1970, as a number that may have a fraction. Nothing: it is not there, or no time.
std::optional<double> time_at(const json::value& payload, std::string_view name) {
  const json::value* value = member_at(payload, name);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  const double seconds = number_at(payload, name);
  return std::isfinite(seconds) ? std::optional(seconds) : std::nullopt;
}

// The latest moment that is told apart from for ever.
constexpr double kMaxTime = 9e9; // the year 2255

// When it expires.
Result<WallTime> check_times(const json::value& payload, std::chrono::seconds leeway,
                             WallTime now) {
  const double at = std::chrono::duration<double>(now.time_since_epoch()).count();
  const auto tolerance = static_cast<double>(leeway.count());
  const auto expires = time_at(payload, "exp");
  if (!expires) return refuse("it does not say when it expires");
  if (at >= *expires + tolerance) return refuse("it has expired");
  for (const std::string_view name : {"nbf", "iat"}) {
    if (member_at(payload, name) == nullptr) continue;
    const auto begins = time_at(payload, name);
    if (!begins || at < *begins - tolerance) return refuse("it is not valid yet");
  }
  const std::chrono::duration<double> end(std::min(*expires + tolerance, kMaxTime));
  return WallTime(std::chrono::duration_cast<WallTime::duration>(end));
}

bool is_for(const json::value& payload, std::string_view audience) {
  if (const json::array* list = array_at(payload, "aud")) {
    return std::ranges::any_of(*list, [&](const json::value& each) {
      return each.is_string() && each.get_string() == audience;
    });
  }
  return text_at(payload, "aud") == audience;
}

bool is_tenant(std::string_view name) {
  const bool printable =
      std::ranges::none_of(name, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  return !name.empty() && name.size() <= kMaxTenantBytes && printable && is_valid_utf8(name);
}

Scopes scopes_of(const json::value& payload, std::string_view claim) {
  const json::array* list = array_at(payload, claim);
  if (list == nullptr) return parse_scopes(text_at(payload, claim));
  Scopes scopes;
  for (const json::value& each : *list) {
    if (!each.is_string()) continue;
    if (const auto scope = scope_from_name(each.get_string())) scopes.add(*scope);
  }
  return scopes;
}

Result<Identity> read_identity(const json::value& payload, const JwtClaims& claims) {
  Identity identity;
  identity.tenant = text_at(payload, claims.tenant_claim);
  if (!is_tenant(identity.tenant)) return refuse("it names no tenant");
  identity.tier = policy::Tier::kFree;
  if (member_at(payload, claims.tier_claim) != nullptr) {
    const auto tier = policy::tier_from_name(text_at(payload, claims.tier_claim));
    if (!tier || *tier == policy::Tier::kIngest) return refuse("its tier is none of ours");
    identity.tier = *tier;
  }
  identity.scopes = scopes_of(payload, claims.scope_claim);
  identity.subject = text_at(payload, "sub");
  return identity;
}

} // namespace

bool is_jwt(std::string_view token) { return split(token).has_value(); }

std::string key_id_of(std::string_view token) {
  const auto parts = token.size() <= kMaxTokenBytes ? split(token) : std::nullopt;
  const auto header = parts ? parse_part(parts->header) : std::nullopt;
  return header ? std::string(text_at(*header, "kid")) : std::string();
}

Result<VerifiedToken> verify_jwt(std::string_view token, const KeySet& keys,
                                 const JwtClaims& claims, WallTime now) {
  if (token.size() > kMaxTokenBytes) return refuse("it is too long");
  const auto parts = split(token);
  const auto header = parts ? parse_part(parts->header) : std::nullopt;
  if (!header) return refuse("it is no token");
  // Extensions that must be understood, and none is (RFC 7515, 4.1.11).
  if (member_at(*header, "crit") != nullptr) return refuse("it has extensions");
  const VerificationKey* key = keys.find(text_at(*header, "kid"), text_at(*header, "alg"));
  if (key == nullptr) return refuse("no key is known that it could be signed with");
  const auto signature = base64url_decode(parts->signature);
  if (!signature || !key->verify(parts->signed_bytes, *signature)) {
    return refuse("its signature is wrong");
  }
  const auto payload = parse_part(parts->payload);
  if (!payload) return refuse("it holds no claims");
  const auto leeway = std::clamp(claims.leeway, std::chrono::seconds(0), kMaxLeeway);
  const auto expires = check_times(*payload, leeway, now);
  if (!expires) return std::unexpected(expires.error());
  if (!claims.issuer.empty() && text_at(*payload, "iss") != claims.issuer) {
    return refuse("it is of another issuer");
  }
  if (!claims.audience.empty() && !is_for(*payload, claims.audience)) {
    return refuse("it is for somebody else");
  }
  auto identity = read_identity(*payload, claims);
  if (!identity) return forward_error(identity);
  return VerifiedToken{std::move(*identity), *expires};
}

} // namespace raglan::auth
