#include "app/upstream_metrics.h"

#include <utility>

namespace raglan::app {

std::function<void(std::string_view code, Duration took)> observe_upstream(
    telemetry::MetricRegistry& metrics, std::string upstream) {
  auto& requests = metrics.counters(
      "raglan_upstream_requests_total",
      "Requests to an upstream, by status or by how they ended without one.", {"upstream", "code"});
  auto& durations = metrics.histograms("raglan_upstream_request_duration_seconds",
                                       "How long an upstream took to answer.", {"upstream"});
  return [&requests, &durations, upstream = std::move(upstream)](std::string_view code,
                                                                 Duration took) {
    requests.with(upstream, code).add();
    durations.with(upstream).observe(took);
  };
}

} // namespace raglan::app
