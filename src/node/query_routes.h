// POST /v1/query (JSON, or server-sent events with "stream": true) and POST /v1/search.
#pragma once

#include <string>

#include "http/router.h"
#include "net/offload.h"
#include "rag/pipeline.h"

namespace raglan::node {

struct QueryRouteParts {
  rag::Pipeline& pipeline; // must outlive the router, as the clock
  net::Submit bulk;        // works on large bodies
  const Clock& clock;
  std::uint32_t top_k;     // of a question that names none
  std::string tier_header; // empty: nobody names a question's tier
  Duration request_timeout;
};

void add_query_routes(http::Router& router, QueryRouteParts parts);

} // namespace raglan::node
