#include "node/request_metrics.h"

#include <array>
#include <charconv>

namespace raglan::node {
namespace {

// Stages take from microseconds (a cache) to seconds (a generator).
constexpr std::array<double, 15> kStageBounds = {
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10};

} // namespace

RequestMetrics::RequestMetrics(telemetry::MetricRegistry& metrics)
    : requests_(
          metrics.counters("raglan_http_requests_total", "Requests answered.", {"route", "code"})),
      durations_(metrics.histograms("raglan_http_request_duration_seconds",
                                    "From the end of a request's header to its last byte sent.",
                                    {"route"})),
      stages_(metrics.histograms("raglan_stage_duration_seconds",
                                 "Time of each stage of a question.", {"stage"}, kStageBounds)),
      degraded_(metrics.counters("raglan_degraded_replies_total",
                                 "Replies and refusals that are less than full, for each reason.",
                                 {"level", "reason"})) {}

void RequestMetrics::observe(const http::CompletedRequest& done) {
  const std::string_view route = done.request.route.empty() ? "none" : done.request.route;
  std::array<char, 8> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), done.status).ptr;
  const std::string_view code(digits.data(), end);
  requests_.with(route, code).add();
  durations_.with(route).observe(done.duration);
}

void RequestMetrics::observe_stage(std::string_view stage, Duration took) {
  stages_.with(stage).observe(took);
}

void RequestMetrics::degraded(int level, std::string_view reason) {
  degraded_.with(std::to_string(level), reason).add();
}

std::vector<telemetry::Registration> register_server_metrics(telemetry::MetricRegistry& metrics,
                                                             const http::Server& server) {
  using telemetry::MetricKind;
  std::vector<telemetry::Registration> registrations;
  const auto add = [&](MetricKind kind, std::string_view name, std::string_view help,
                       std::function<double()> read) {
    registrations.push_back(metrics.callback(kind, name, help, {}, std::move(read)));
  };
  add(MetricKind::kGauge, "raglan_http_connections", "Client connections that are open.",
      [&server] { return static_cast<double>(server.connections()); });
  add(MetricKind::kGauge, "raglan_http_body_bytes", "Bytes of request bodies that are held.",
      [&server] { return static_cast<double>(server.body_bytes()); });
  add(MetricKind::kCounter, "raglan_http_bodies_refused_total",
      "Request bodies refused because server.max_bodies_bytes were held.",
      [&server] { return static_cast<double>(server.refused_bodies()); });
  return registrations;
}

void add_metrics_route(http::Router& router, const telemetry::MetricRegistry& metrics) {
  router.add("GET", "/metrics", [&metrics](http::Request&) -> net::Task<http::Response> {
    http::Response response = http::text_response(200, metrics.text());
    response.headers.set("content-type", "text/plain; version=0.0.4; charset=utf-8");
    co_return response;
  });
}

} // namespace raglan::node
