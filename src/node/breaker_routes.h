// GET /admin/breakers: each circuit breaker's state, and when it lets the next call through.
//
//   {"breakers":[{"upstream","state":"closed"|"open"|"half_open","consecutive_failures","probes",
//                 "refused","transitions","generation","next_probe_ms"}]}
#pragma once

#include "http/router.h"
#include "node/breaker_board.h"

namespace raglan::node {

// The board must outlive the router.
void add_breaker_routes(http::Router& router, const BreakerBoard& board);

} // namespace raglan::node
