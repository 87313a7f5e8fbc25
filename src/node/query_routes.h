// POST /v1/query (JSON, or server-sent events with "stream": true; "session_id" continues a
// conversation) and POST /v1/search.
#pragma once

#include <span>
#include <string>

#include "auth/rate_limits.h"
#include "http/router.h"
#include "net/offload.h"
#include "node/charge.h"
#include "node/sessions.h"
#include "rag/pipeline.h"

namespace raglan::node {

struct QueryRouteParts {
  rag::Pipeline& pipeline; // must outlive the router, as the clock and the limits
  auth::RateLimits& limits;
  Sessions& sessions;
  net::Submit bulk; // works on large bodies
  const Clock& clock;
  std::uint32_t top_k;     // of a question that names none
  std::string tier_header; // empty: nobody names a question's tier
  Duration request_timeout;
};

// Of questions of one tenant, whose tier is limited.
net::Task<Charge> charge_questions(const QueryRouteParts& parts,
                                   std::span<rag::QueryRequest> questions, policy::Tier tier,
                                   Deadline deadline);

void add_query_routes(http::Router& router, QueryRouteParts parts);

} // namespace raglan::node
