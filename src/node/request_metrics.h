// What a node counts about its requests and the stages of its questions, and GET /metrics.
//
//   raglan_http_requests_total{route,code}         raglan_http_request_duration_seconds{route}
//   raglan_stage_duration_seconds{stage}           raglan_degraded_replies_total{level,reason}
//   raglan_http_connections    raglan_http_body_bytes    raglan_http_bodies_refused_total
//
// Thread safety: `observe`, `observe_stage` and `degraded` from any thread. The registry must
// outlive this.
#pragma once

#include "http/router.h"
#include "http/server.h"
#include "telemetry/metric_registry.h"

namespace raglan::node {

class RequestMetrics {
 public:
  explicit RequestMetrics(telemetry::MetricRegistry& metrics);

  // A request that is over. Requests that no route matched count under route "unmatched", those
  // that the server itself refused under "none".
  void observe(const http::CompletedRequest& done);
  void observe_stage(std::string_view stage, Duration took);
  // A reply, or a refusal, that is less than it should be (policy/degradation.h).
  void degraded(int level, std::string_view reason);

 private:
  telemetry::Family<telemetry::Counter, 2>& requests_;
  telemetry::Family<telemetry::Histogram, 1>& durations_;
  telemetry::Family<telemetry::Histogram, 1>& stages_;
  telemetry::Family<telemetry::Counter, 2>& degraded_;
};

// What the server itself counts. The server must outlive what is returned.
std::vector<telemetry::Registration> register_server_metrics(telemetry::MetricRegistry& metrics,
                                                             const http::Server& server);

// GET /metrics in Prometheus' text format. `metrics` must outlive the router.
void add_metrics_route(http::Router& router, const telemetry::MetricRegistry& metrics);

} // namespace raglan::node
