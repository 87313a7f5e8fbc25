// A RAG node's face: health, metrics and the hand-over to the service once it is loaded.
//
// A node listens before its model and indexes are loaded, so that probes can tell a node that
// starts from one that is dead. Until `start`, everything but the probes, /metrics and /admin/drain
// is 503. What is asked of /v1 is counted, and its answers say how much that is (http/load.h).
//
//   Node node(metrics, {}, clock);
//   Server server(config, loops, node.handler(), node.hooks());   // answers /startup with 503
//   node.on_drain(…);                                             // ends the process
//   …                                                             // listen, load
//   node.start(service);                                          // /startup is 200
//   node.drain();                                                 // /ready is 503
//
// Thread safety: all members may be called from any thread. The node must outlive the loops' last
// request, and the service must outlive the node's last request.
#pragma once

#include <atomic>

#include "auth/authenticator.h"
#include "http/load.h"
#include "http/server.h"
#include "node/health_routes.h"
#include "node/readiness.h"
#include "node/request_metrics.h"
#include "node/service.h"
#include "runtime/executor.h"
#include "telemetry/metric_registry.h"

namespace raglan::node {

struct NodeConfig {
  std::vector<std::string>
      hosts;                    // names it may be asked for by, besides loopback (browser_guard.h)
  std::vector<Check> checks;    // what /ready looks at besides the service
  bool shared_embedder = false; // by all nodes, and not this process'
  ReadinessConfig readiness;
};

class Node {
 public:
  Node(telemetry::MetricRegistry& metrics, NodeConfig config, const Clock& clock);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // Before `handler` is called: only who has credentials is served then. It must outlive the loops'
  // last request.
  void authenticate_by(auth::Authenticator& authenticator) { authenticator_ = &authenticator; }
  http::Handler handler();
  http::ServerHooks hooks();
  // Before the server listens: what POST /admin/drain does, once /ready is 503.
  void on_drain(BeginDrain begin) { begin_drain_ = std::move(begin); }
  RequestMetrics& request_metrics() { return request_metrics_; }

  // Once: the service is loaded and warm.
  void start(const Service& service);
  void drain() { readiness_.mark_draining(); }
  // Drops checks under way; before the event loops are destroyed.
  void stop() { checks_.stop(); }

 private:
  struct Loaded {
    const Service& service;
    http::Handler handler;
  };

  std::vector<Check> all_checks(NodeConfig config);
  // Where nobody has credentials.
  Result<> keep_pages_out(const http::Request& request) const;
  net::Task<http::Response> forward(http::Request& request);

  const Clock& clock_;
  const std::vector<std::string> hosts_;
  RequestMetrics request_metrics_;
  http::Load load_;
  BeginDrain begin_drain_;
  auth::Authenticator* authenticator_ = nullptr;
  std::unique_ptr<const Loaded> loaded_owner_;
  std::atomic<const Loaded*> loaded_{nullptr};
  runtime::Executor checks_;
  Readiness readiness_;
  http::Router router_;
};

} // namespace raglan::node
