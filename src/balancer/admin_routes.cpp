#include "balancer/admin_routes.h"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

#include "base/json_lookup.h"
#include "base/json_text.h"
#include "http/browser_guard.h"
#include "http/error_table.h"

namespace raglan::balancer {
namespace json = boost::json;
namespace {

http::Response reply(int status, const json::object& body) {
  return http::json_response(status, json_text(body));
}

http::Response error_reply(const Error& error, const http::Request& request) {
  return http::error_response(error, request.headers.get(http::kRequestIdHeader));
}

json::object ejection_json(const policy::OutlierEjection::Status& status, MonotonicTime now) {
  json::object ejection{{"ejected", status.ejected},
                        {"failures_in_a_row", status.failures_in_a_row},
                        {"ejections", status.ejections}};
  if (status.last) ejection["last_reason"] = policy::ejection_reason(*status.last);
  if (status.ejected) ejection["seconds_left"] = to_milliseconds(status.last->until - now) / 1000;
  return ejection;
}

json::object host_json(const Fleet& fleet, const Host& host, MonotonicTime now) {
  json::object answers;
  for (int i = 1; i <= 5; ++i) {
    answers[fmt::format("{}xx", i)] = host.answers[i].load();
  }
  const Fleet::Status status = fleet.status(host);
  return {{"host", host.address.name},
          {"weight", host.weight.load()},
          {"health", policy::health_state_name(status.health)},
          {"ejection", ejection_json(status.ejection, now)},
          {"in_rotation", host.in_rotation.load()},
          {"in_flight", host.in_flight.load()},
          {"latency_ms", to_milliseconds(host.latency())},
          {"requests", host.requests.load()},
          {"answers", std::move(answers)},
          {"connections_opened", host.connections.load()},
          {"connect_failures", host.connect_failures.load()},
          {"timeouts", host.timeouts.load()},
          {"lost_answers", host.broken.load()}};
}

json::object upstreams_json(const AdminParts& parts) {
  json::array hosts;
  for (const auto& host : *parts.fleet.hosts()) {
    hosts.push_back(host_json(parts.fleet, *host, parts.clock.now()));
  }
  json::array upstreams;
  for (const UpstreamConfig& upstream : parts.members.all()) {
    upstreams.push_back(json::object{{"url", upstream.url}, {"weight", upstream.weight}});
  }
  return {{"upstreams", std::move(upstreams)}, {"hosts", std::move(hosts)}};
}

Result<UpstreamConfig> upstream_of(std::string_view body) {
  boost::system::error_code error;
  const json::value value = json::parse(body, error);
  if (error || !value.is_object()) {
    return fail(ErrorCode::kMalformedRequest, "the body must be a JSON object");
  }
  UpstreamConfig upstream;
  upstream.url = text_at(value, "url");
  for (const auto& [key, member] : value.get_object()) {
    if (key == "url") continue;
    if (key != "weight") {
      return fail(ErrorCode::kInvalidField, "there is no such field", "/" + std::string(key));
    }
    const std::uint64_t weight = count_at(value, "weight");
    if (weight < 1 || weight > 1000) {
      return fail(ErrorCode::kInvalidField, "must be 1 to 1000", "/weight");
    }
    upstream.weight = static_cast<std::uint32_t>(weight);
  }
  return upstream;
}

net::Task<http::Response> put_upstream(AdminParts parts, http::Request& request) {
  auto upstream = upstream_of(request.body);
  if (!upstream) co_return error_reply(upstream.error(), request);
  auto added = co_await parts.members.add(std::move(*upstream));
  if (!added) co_return error_reply(added.error(), request);
  co_return reply(200, upstreams_json(parts));
}

net::Task<http::Response> delete_upstream(AdminParts parts, http::Request& request) {
  const auto parameters = request.query_parameters();
  if (!parameters) co_return error_reply(parameters.error(), request);
  std::string url;
  for (const auto& [name, value] : *parameters) {
    if (name == "url") url = value;
  }
  auto removed = co_await parts.members.remove(std::move(url));
  if (!removed) co_return error_reply(removed.error(), request);
  co_return reply(200, upstreams_json(parts));
}

// Probes may ask for whatever host they like.
http::Handler guarded(http::Handler handler) {
  return [handler = std::move(handler)](http::Request& request) -> net::Task<http::Response> {
    const bool operators = request.path.starts_with("/admin") || request.path == "/metrics";
    auto allowed = operators ? http::check_browser(request, {}) : Result<>();
    if (!allowed) co_return error_reply(allowed.error(), request);
    co_return co_await handler(request);
  };
}

http::Response ready_reply(const AdminParts& parts) {
  std::size_t in_rotation = 0;
  for (const auto& host : *parts.fleet.hosts()) in_rotation += host->in_rotation ? 1 : 0;
  const bool ready = in_rotation > 0 && !parts.draining;
  json::object checks{{"upstreams", in_rotation > 0 ? "ok" : "failed"}};
  const std::string_view otherwise = parts.draining ? "draining" : "not_ready";
  return reply(ready ? 200 : 503, {{"status", ready ? "ready" : otherwise},
                                   {"checks", std::move(checks)},
                                   {"in_rotation", in_rotation}});
}

} // namespace

void add_admin_routes(http::Router& router, const AdminParts& parts) {
  const auto now = [&router](std::string_view path, std::function<http::Response()> answer) {
    router.add("GET", path,
               guarded([answer = std::move(answer)](http::Request&) -> net::Task<http::Response> {
                 co_return answer();
               }));
  };
  now("/health", [] { return reply(200, {{"status", "ok"}}); });
  now("/startup", [] { return reply(200, {{"status", "started"}}); });
  now("/ready", [parts] { return ready_reply(parts); });
  now("/admin/upstreams", [parts] { return reply(200, upstreams_json(parts)); });
  now("/metrics", [parts] {
    http::Response response = http::text_response(200, parts.metrics.text());
    response.headers.set("content-type", "text/plain; version=0.0.4; charset=utf-8");
    return response;
  });
  router.add("POST", "/admin/drain", guarded([parts](http::Request&) -> net::Task<http::Response> {
               json::object body{{"status", "draining"}, {"connections", parts.connections()}};
               parts.drain();
               co_return reply(202, body);
             }));
  router.add("PUT", "/admin/upstreams",
             guarded([parts](http::Request& request) { return put_upstream(parts, request); }));
  router.add("DELETE", "/admin/upstreams",
             guarded([parts](http::Request& request) { return delete_upstream(parts, request); }));
}

} // namespace raglan::balancer
