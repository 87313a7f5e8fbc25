#include "node/health_routes.h"

#include <boost/json/object.hpp>

#include "base/json_text.h"

namespace raglan::node {
namespace json = boost::json;
namespace {

std::string_view state_name(CheckState state) {
  switch (state) {
    case CheckState::kOk: return "ok";
    case CheckState::kDegraded: return "degraded";
    case CheckState::kFailed: break;
  }
  return "failed";
}

http::Response unavailable(std::string body) {
  http::Response response = http::json_response(503, std::move(body));
  response.headers.set("retry-after", "1");
  return response;
}

http::Response ready_response(const ReadinessReport& report) {
  json::object checks;
  for (const auto& [name, state] : report.checks) checks[name] = state_name(state);
  const json::object body{{"status", report.ready ? "ready" : "not_ready"},
                          {"checks", std::move(checks)}};
  std::string text = json_text(body);
  return report.ready ? http::json_response(200, std::move(text)) : unavailable(std::move(text));
}

} // namespace

void add_health_routes(http::Router& router, Readiness& readiness) {
  router.add("GET", "/health", [](http::Request&) -> net::Task<http::Response> {
    co_return http::json_response(200, R"({"status":"ok"})");
  });
  router.add("GET", "/startup", [&readiness](http::Request&) -> net::Task<http::Response> {
    if (readiness.phase() == Phase::kStarting) co_return unavailable(R"({"status":"starting"})");
    co_return http::json_response(200, R"({"status":"started"})");
  });
  router.add("GET", "/ready", [&readiness](http::Request&) -> net::Task<http::Response> {
    const ReadinessReport report = co_await readiness.report();
    co_return ready_response(report);
  });
}

} // namespace raglan::node
