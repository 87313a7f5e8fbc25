#include "node/session_token.h"

#include <fmt/format.h>
#include <boost/json/parse.hpp>

#include "auth/base64url.h"
#include "auth/hmac.h"
#include "base/json_escape.h"
#include "base/json_lookup.h"
#include "base/unix_time.h"

namespace raglan::node {
namespace {

constexpr std::string_view kPrefix = "rst1.";

std::string signature(std::string_view signed_part, std::string_view key) {
  return auth::base64url_encode(auth::hmac_sha256(key, signed_part));
}

} // namespace

bool is_session_token(std::string_view text) { return text.starts_with(kPrefix); }

std::string sign_session(const SessionClaims& claims, std::string_view key) {
  const std::string payload = fmt::format(
      R"({{"tenant":"{}","expires_at_ms":{},"session":{}}})", json_escape(claims.tenant),
      to_unix_milliseconds(claims.expires_at), session_json(claims.session));
  std::string token = std::string(kPrefix) + auth::base64url_encode(payload);
  const std::string signed_with = signature(token, key);
  return token.append(".").append(signed_with);
}

std::optional<SessionClaims> read_session_token(std::string_view token, std::string_view key) {
  const std::size_t dot = token.rfind('.');
  if (!is_session_token(token) || dot < kPrefix.size()) return std::nullopt;
  const std::string_view signed_part = token.substr(0, dot);
  if (!auth::is_same_secret(signature(signed_part, key), token.substr(dot + 1))) {
    return std::nullopt;
  }
  const auto payload = auth::base64url_decode(signed_part.substr(kPrefix.size()));
  if (!payload) return std::nullopt;
  boost::system::error_code failure;
  const boost::json::value value = boost::json::parse(*payload, failure);
  if (failure) return std::nullopt;
  const boost::json::value* held = member_at(value, "session");
  auto session = held != nullptr ? session_from(*held) : std::nullopt;
  if (!session) return std::nullopt;
  const WallTime expires = time_at(value, "expires_at_ms").value_or(WallTime());
  return SessionClaims{std::string(text_at(value, "tenant")), expires, std::move(*session)};
}

} // namespace raglan::node
