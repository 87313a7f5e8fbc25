// Who a request is from, and whether that may do what it asks for.
//
// The health probes are open. Everything else needs a scope: `admin` for /admin and /metrics; of
// /v1 `write` for what changes documents, collections or jobs, `read` for the rest. Who has no
// valid credentials gets 401, always with the same body; whose credentials do not suffice, 403.
// What is another tenant's is not there: each store call and cache key has the identity's tenant.
//
// Without an authenticator everybody is the tenant `default` and may do everything.
#pragma once

#include <optional>
#include <string_view>

#include "auth/authenticator.h"
#include "http/router.h"

namespace raglan::node {

// What a request needs; nothing: it is open.
std::optional<auth::Scope> required_scope(std::string_view method, std::string_view path);

// Whose request it is; of a handler behind `with_identity`.
const auth::Identity& identity_of(const http::Request& request);

// `authenticator` must outlive the handler.
http::Handler with_identity(http::Handler next, auth::Authenticator& authenticator,
                            const Clock& clock);

} // namespace raglan::node
