#include "auth/authenticator.h"

#include <fstream>
#include <sstream>
#include <utility>

#include "base/log.h"
#include "http/headers.h"

namespace raglan::auth {
namespace {

constexpr std::string_view kBearer = "Bearer ";

std::unexpected<Error> no_credentials() {
  return fail(ErrorCode::kUnauthenticated, "no valid credentials");
}

Result<VerificationKey> read_key(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  if (!file) return fail(ErrorCode::kInvalidField, "auth.public_key_file cannot be read");
  return VerificationKey::from_pem(content.str());
}

} // namespace

Result<std::unique_ptr<Authenticator>> Authenticator::create(const AuthConfig& config,
                                                             net::EventLoops& loops,
                                                             const Clock& clock) {
  std::unique_ptr<Authenticator> made(new Authenticator(config, clock));
  if (!takes_tokens(config.mode)) return made;
  if (!config.jwks_url.empty()) {
    made->source_.emplace(config, loops, clock);
    return made;
  }
  const bool shared = !config.secret.empty();
  auto key = shared ? VerificationKey::from_secret(config.secret.reveal())
                    : read_key(config.public_key_file);
  if (!key) {
    return fail(
        ErrorCode::kInvalidField,
        fmt::format("auth.{}: {}", shared ? "secret" : "public_key_file", key.error().message));
  }
  KeySet keys;
  keys.add("", std::move(*key));
  made->fixed_ = std::make_shared<const KeySet>(std::move(keys));
  return made;
}

net::Task<Result<Identity>> Authenticator::authenticate(std::string_view authorization,
                                                        Deadline deadline) {
  const bool bearer = authorization.size() > kBearer.size() &&
                      http::equals_ignoring_case(authorization.substr(0, kBearer.size()), kBearer);
  if (!bearer) {
    ++refused_;
    co_return no_credentials();
  }
  auto identity = co_await verify(authorization.substr(kBearer.size()), deadline);
  if (identity) {
    ++accepted_;
    co_return identity;
  }
  if (identity.error().code != ErrorCode::kUnauthenticated) {
    ++failed_;
    co_return identity;
  }
  ++refused_;
  log_debug("credentials were refused", {{"reason", identity.error().message}});
  co_return no_credentials();
}

net::Task<Result<Identity>> Authenticator::verify(std::string_view credential, Deadline deadline) {
  if (takes_api_keys(mode_) && is_api_key(credential)) {
    ApiKeys* const keys = api_keys_;
    if (keys == nullptr) co_return fail(ErrorCode::kUnavailable, "the store is not open yet");
    co_return co_await keys->identify(credential, deadline);
  }
  if (!takes_tokens(mode_)) co_return no_credentials();
  co_return co_await verify_token(credential, deadline);
}

net::Task<Result<Identity>> Authenticator::verify_token(std::string_view token, Deadline deadline) {
  if (fixed_) co_return verify_by(fixed_, token);
  if (!is_jwt(token) || token.size() > kMaxTokenBytes) co_return no_credentials();
  auto keys = co_await source_->keys(deadline);
  if (!keys) co_return forward_error(keys);
  auto identity = verify_by(*keys, token);
  if (identity || (*keys)->knows(key_id_of(token))) co_return identity;
  keys = co_await source_->newer(*keys, deadline); // its key may be a new one
  if (!keys) co_return forward_error(keys);
  co_return verify_by(*keys, token);
}

Result<Identity> Authenticator::verify_by(const JwksSource::Keys& keys, std::string_view token) {
  const WallTime now = clock_.wall_now();
  if (auto known = verified_.find(token, keys, now)) return std::move(*known);
  auto verified = verify_jwt(token, *keys, claims_, now);
  if (!verified) return forward_error(verified);
  verified_.insert(token, keys, *verified);
  return std::move(verified->identity);
}

AuthStats Authenticator::stats() const {
  return {.accepted = accepted_, .refused = refused_, .failed = failed_};
}

} // namespace raglan::auth
