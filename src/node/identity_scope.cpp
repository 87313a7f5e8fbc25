#include "node/identity_scope.h"

#include <utility>

#include "node/request_scope.h"
#include "store/types.h"

namespace raglan::node {
namespace {

using auth::Identity;
using auth::Scope;

// Where the keys, or the issuer's, have to be fetched first.
constexpr std::chrono::seconds kAuthenticationTimeout{10};

net::Task<http::Response> authenticate(const http::Handler& next,
                                       auth::Authenticator& authenticator, Scope scope,
                                       const Clock& clock, http::Request& request) {
  const Deadline deadline = Deadline::after(kAuthenticationTimeout, clock.now());
  auto identity =
      co_await authenticator.authenticate(request.headers.get("authorization"), deadline);
  if (!identity) {
    http::Response response = error_reply(identity.error(), request);
    const bool refused = identity.error().code == ErrorCode::kUnauthenticated;
    if (refused) response.headers.set("www-authenticate", "Bearer");
    co_return response;
  }
  if (!identity->scopes.has(scope)) {
    const Error error{ErrorCode::kForbidden,
                      fmt::format("this needs the scope '{}'", auth::scope_name(scope)), ""};
    co_return error_reply(error, request);
  }
  request.context = std::make_shared<const Identity>(std::move(*identity));
  co_return co_await next(request);
}

} // namespace

std::optional<Scope> required_scope(std::string_view method, std::string_view path) {
  if (path == "/health" || path == "/ready" || path == "/startup") return std::nullopt;
  if (!path.starts_with("/v1/")) return Scope::kAdmin;
  if (method == "GET" || method == "HEAD" || method == "OPTIONS") return Scope::kRead;
  const bool writes = path.starts_with("/v1/documents") || path.starts_with("/v1/collections") ||
                      path.starts_with("/v1/jobs");
  return writes ? Scope::kWrite : Scope::kRead;
}

const Identity& identity_of(const http::Request& request) {
  static const Identity kEverybody{.tenant = std::string(store::kDefaultTenant),
                                   .tier = policy::Tier::kPaid,
                                   .scopes = auth::Scopes::all(),
                                   .subject = {}};
  const auto* identity = static_cast<const Identity*>(request.context.get());
  return identity == nullptr ? kEverybody : *identity;
}

http::Handler with_identity(http::Handler next, auth::Authenticator& authenticator,
                            const Clock& clock) {
  return [next = std::move(next), &authenticator, &clock](http::Request& request) {
    const auto scope = required_scope(request.method, request.path);
    return scope ? authenticate(next, authenticator, *scope, clock, request) : next(request);
  };
}

} // namespace raglan::node
