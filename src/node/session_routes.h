// Conversations: /v1/sessions. Questions continue one by their `session_id` (node/query_routes.h).
//
//   POST   {"keep_in": "store" | "token"} → 201 {"id", "keep_in", "created_at", "expires_at",
//          "asked": 0, "turns": []}
//          (a request of its tenant's limits, as a question is)
//   GET    /v1/sessions/{id} → the same, with what was asked and answered
//   DELETE /v1/sessions/{id} → {"id", "deleted": true}
//
// A session in a token (node/sessions.h) is its holder's: there is nothing here to read or delete.
#pragma once

#include "auth/rate_limits.h"
#include "http/router.h"
#include "node/sessions.h"

namespace raglan::node {

struct SessionRouteParts {
  Sessions& sessions; // must outlive the router, as the limits
  auth::RateLimits& limits;
  std::string tier_header;
  Duration request_timeout;
};

void add_session_routes(http::Router& router, SessionRouteParts parts);

} // namespace raglan::node
