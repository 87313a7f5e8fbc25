// /health, /ready, /startup: the three probes. They need no authentication, no executor that does
// work, and answer while everything else is busy.
#pragma once

#include "http/router.h"
#include "node/readiness.h"

namespace raglan::node {

// `readiness` must outlive the router.
void add_health_routes(http::Router& router, Readiness& readiness);

} // namespace raglan::node
