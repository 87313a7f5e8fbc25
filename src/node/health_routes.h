// What orchestrators and balancers ask of a node, and tell it: /health, /ready, /startup, the three
// probes, and POST /admin/drain. They need no executor that does work, and answer while everything
// else is busy or not loaded yet. The probes need no authentication.
#pragma once

#include <functional>

#include "http/load.h"
#include "http/router.h"
#include "node/readiness.h"

namespace raglan::node {

// /ready tells `load` as answers of /v1 do, and says "draining" of a node that ends. `readiness`
// and `load` must outlive the router.
void add_health_routes(http::Router& router, Readiness& readiness, const http::Load& load);

// Has the node end once what it does is done; how many connections are open. Called again it says
// that again. From any thread, without blocking.
using BeginDrain = std::function<std::size_t()>;
// Whether the request may ask for that.
using DrainGuard = std::function<Result<>(const http::Request&)>;

// POST /admin/drain: 202 {"status":"draining","connections":N}, the asker's own among them. It
// reaches the asker before the node ends.
void add_drain_route(http::Router& router, DrainGuard guard, BeginDrain begin);

} // namespace raglan::node
