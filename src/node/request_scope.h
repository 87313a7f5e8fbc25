// What every request gets before its handler runs: an id, a place in the node's load, a check of
// its query parameters, and a deadline.
//
// The id is the client's `x-request-id` when that is short and printable, else a new one. It is put
// into the request's headers, where the router and the handlers find it; the server puts it into
// the response.
#pragma once

#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/result.h"
#include "http/error_table.h"
#include "http/router.h"
#include "policy/tier.h"

namespace raglan::node {

using http::kRequestIdHeader;
inline constexpr std::string_view kTimeoutHeader = "x-request-timeout-ms";
inline constexpr std::size_t kMaxRequestIdBytes = 128;

http::Handler with_request_id(http::Handler next, const Clock& clock);

// Counts what is asked of /v1, whoever asks and whatever becomes of it. `load` must outlive the
// handler's last request.
http::Handler with_load(http::Handler next, http::Load& load);

// Refuses query parameters that are none of `known`, or come twice (kInvalidField): a misspelt one
// would otherwise mean its default, another collection say.
http::Handler with_parameters(std::vector<std::string_view> known, http::Handler next);

inline std::string_view request_id(const http::Request& request) {
  return request.headers.get(kRequestIdHeader);
}

inline http::Response error_reply(const Error& error, const http::Request& request) {
  return http::error_response(error, request_id(request));
}

net::Task<http::Response> refuse(const http::Request& request, Error error);

// The client's own timeout (`x-request-timeout-ms`) when it is below `max`, else `max`, counted
// from when the request's head was complete. kMalformedRequest when the header is not a positive
// number.
Result<Deadline> request_deadline(const http::Request& request, Duration max);

// Of who has credentials (identity_scope.h), their tier. Else the one that `header` names; kPaid
// without one, or when `header` is empty. kInvalidField when it names none of vip, paid and free.
Result<policy::Tier> request_tier(const http::Request& request, std::string_view header);

} // namespace raglan::node
