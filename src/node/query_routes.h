// POST /v1/query (JSON, or server-sent events with "stream": true) and POST /v1/search.
#pragma once

#include "http/router.h"
#include "rag/pipeline.h"

namespace raglan::node {

struct QueryRouteConfig {
  std::uint32_t top_k = 5;
  Duration request_timeout = std::chrono::seconds(30);
};

// `pipeline` must outlive the router.
void add_query_routes(http::Router& router, rag::Pipeline& pipeline, QueryRouteConfig config);

} // namespace raglan::node
