#include "node/health_routes.h"

#include <boost/json/object.hpp>

#include "base/json_text.h"
#include "node/request_scope.h"

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

std::string_view status_name(const ReadinessReport& report, Phase phase) {
  if (report.ready) return "ready";
  return phase == Phase::kDraining ? "draining" : "not_ready";
}

http::Response ready_response(const ReadinessReport& report, Phase phase) {
  json::object checks;
  for (const auto& [name, state] : report.checks) checks[name] = state_name(state);
  const json::object body{{"status", status_name(report, phase)}, {"checks", std::move(checks)}};
  std::string text = json_text(body);
  return report.ready ? http::json_response(200, std::move(text)) : unavailable(std::move(text));
}

} // namespace

void add_health_routes(http::Router& router, Readiness& readiness, const http::Load& load) {
  router.add("GET", "/health", [](http::Request&) -> net::Task<http::Response> {
    co_return http::json_response(200, R"({"status":"ok"})");
  });
  router.add("GET", "/startup", [&readiness](http::Request&) -> net::Task<http::Response> {
    if (readiness.phase() == Phase::kStarting) co_return unavailable(R"({"status":"starting"})");
    co_return http::json_response(200, R"({"status":"started"})");
  });
  router.add("GET", "/ready", [&readiness, &load](http::Request&) -> net::Task<http::Response> {
    const ReadinessReport report = co_await readiness.report();
    http::Response response = ready_response(report, readiness.phase());
    response.headers.set(http::kLoadHeader, std::to_string(load.requests()));
    co_return response;
  });
}

void add_drain_route(http::Router& router, DrainGuard guard, BeginDrain begin) {
  auto drain = [guard = std::move(guard),
                begin = std::move(begin)](http::Request& request) -> net::Task<http::Response> {
    if (auto ok = guard(request); !ok) co_return error_reply(ok.error(), request);
    const json::object body{{"status", "draining"}, {"connections", begin()}};
    co_return http::json_response(202, json_text(body));
  };
  router.add("POST", "/admin/drain", with_parameters({}, std::move(drain)));
}

} // namespace raglan::node
