// What the balancer answers itself: /health, /ready, /startup, /metrics and /admin.
//
// They are served by an http::Server of the balancer's own, on loopback, to which the loops pass
// these requests as to any host: one way in, and no second parser.
//
//   GET /admin/upstreams            what is known of each host
//   PUT /admin/upstreams            {"url", "weight"?}: adds it, or changes its weight
//   DELETE /admin/upstreams?url=…   takes it out; what it is at work for is answered
//   POST /admin/drain               ends the balancer, as SIGTERM does
//
// A web page that a browser shows has no business there: http/browser_guard.h.
//
// Thread safety: the routes, any loop.
#pragma once

#include <atomic>
#include <functional>

#include "balancer/fleet.h"
#include "balancer/members.h"
#include "http/router.h"
#include "telemetry/metric_registry.h"

namespace raglan::balancer {

struct AdminParts {
  Fleet& fleet;
  Members& members;
  const telemetry::MetricRegistry& metrics;
  const Clock& clock;
  const std::atomic<bool>& draining;
  std::function<void()> drain; // begins it
  std::function<std::size_t()> connections;
};
// `parts` must outlive the loops' last request.
void add_admin_routes(http::Router& router, const AdminParts& parts);

} // namespace raglan::balancer
