#include "auth/jwks_source.h"

#include <utility>

#include "base/log.h"

namespace raglan::auth {
namespace {

http::ClientConfig client_config(const AuthConfig& config) {
  http::ClientConfig client;
  client.ca_file = config.ca_file;
  client.max_connections_per_host = 1;
  return client;
}

std::unexpected<Error> unavailable(std::string_view why) {
  log_warning("the issuer's keys could not be read", {{"reason", why}});
  return fail(ErrorCode::kUnavailable, "the keys that tokens are signed with cannot be read");
}

} // namespace

JwksSource::JwksSource(const AuthConfig& config, net::EventLoops& loops, const Clock& clock)
    : url_(config.jwks_url),
      clock_(clock),
      client_(std::in_place, client_config(config), loops, clock),
      keys_(
          {.refresh_after = config.jwks_refresh,
           .min_interval = kMinInterval,
           .retry_interval = kRetryInterval,
           .fetch_timeout = kFetchTimeout},
          [this](const Keys&) { return fetch(); }, clock) {}

net::Task<Result<JwksSource::Keys>> JwksSource::fetch() {
  http::ClientRequest request{.url = url_, .max_body_bytes = kMaxBytes};
  auto answer =
      co_await client_->send(std::move(request), Deadline::after(kFetchTimeout, clock_.now()));
  if (!answer) co_return unavailable(answer.error().message);
  if (answer->status != 200) co_return unavailable(fmt::format("status {}", answer->status));
  auto keys = KeySet::from_jwks(answer->body);
  if (!keys) co_return unavailable(keys.error().message);
  co_return std::make_shared<const KeySet>(std::move(*keys));
}

} // namespace raglan::auth
