// Kong Gateway 3 without a database: declarative configuration.
#include "export/renderers.h"
#include "export/text.h"

namespace raglan::exporting {
namespace {

using policy::Strategy;

struct Balancing {
  std::string_view algorithm;
  std::string_view note;
};

Balancing balancing(Strategy strategy) {
  switch (strategy) {
    case Strategy::kRoundRobin:
    case Strategy::kWeightedRoundRobin: return {"round-robin", ""};
    case Strategy::kLeastConnections:
      return {"least-connections", "each of Kong's workers counts its own requests only."};
    case Strategy::kIpHash: return {"consistent-hashing\n  hash_on: ip", ""};
    case Strategy::kP2c:
      return {"least-connections",
              "Kong compares all nodes, not two; each of its workers counts its "
              "own requests only."};
    case Strategy::kPrequal:
      return {
          "latency",
          "the node with the least smoothed latency. Kong does not weigh requests in flight with "
          "it."};
    case Strategy::kAffinity:
      return {
          "latency",
          "Kong hashes headers, paths and addresses, and no bodies, so a question may go to any "
          "node and find its answer in no cache there but one that the nodes share (redis.url). "
          "What is left of affinity is what it falls back to: the node that answers soonest."};
  }
  return {"round-robin", ""};
}

void add_kong_conf(Text& text, const Fleet& fleet) {
  text.line(R"(
# In kong.conf, which the declarative file cannot say:
#   proxy_listen = {}
#   nginx_http_keepalive_timeout = {}
#   # Shorter than a node keeps an idle connection (server.idle_timeout): no request finds it closed.
#   upstream_keepalive_idle_timeout = {}
)",
            authority(fleet.listen), short_time(fleet.timeouts.idle), kNodeIdle.count());
}

void add_checks(Text& text, const Fleet& fleet) {
  const Health& health = fleet.health;
  text.lines("  healthchecks:");
  text.comment(
      "Passively only what got no answer is counted: Kong cannot tell a broken node from one "
      "that sheds load (503 with Retry-After). There is no slow start.",
      4);
  text.line(R"(    passive:
      unhealthy: {{tcp_failures: 5, timeouts: 5, http_failures: 0}}
    active:
      type: {0}
      http_path: "{1}"
      timeout: {2}
      healthy: {{interval: {3}, successes: {4}, http_statuses: [200]}}
      unhealthy:
        interval: {3}
        http_failures: {5}
        tcp_failures: {5}
        timeouts: {5}
        http_statuses: [429, 404, 500, 501, 502, 503, 504, 505])",
            uses_tls(fleet) ? "https" : "http", health.path, seconds(health.timeout),
            seconds(health.interval), health.success_threshold, health.failure_threshold);
}

void add_upstream(Text& text, const Fleet& fleet) {
  text.line("upstreams:\n- name: raglan\n  algorithm: {}", balancing(fleet.strategy).algorithm);
  add_checks(text, fleet);
  text.comment("To drain a node: weight 0. What is in flight there ends first.", 2);
  text.lines("  targets:");
  for (const Node& node : fleet.nodes) {
    text.line("  - target: \"{}\"\n    weight: {}", authority(node), effective_weight(fleet, node));
  }
}

void add_service(Text& text, const Fleet& fleet) {
  const Timeouts& timeouts = fleet.timeouts;
  text.line(R"(services:
- name: raglan
  host: raglan
  protocol: {}
  connect_timeout: {}
  # Between two reads, not for all of an answer.
  read_timeout: {}
  write_timeout: {})",
            uses_tls(fleet) ? "https" : "http", timeouts.connect.count(), timeouts.response.count(),
            timeouts.response.count());
  text.comment(
      "Another node is asked when no connection came about; when one broke, only for what "
      "does no harm twice: Kong does not send a POST again.",
      2);
  text.line("  retries: {}", fleet.max_attempts - 1);
  if (uses_tls(fleet)) text.lines("  tls_verify: true");
  text.line(R"(  routes:
  - name: raglan
    paths: [/]
    strip_path: false
    preserve_host: true
    # Answers are streams: each event goes on as it comes.
    response_buffering: false
  plugins:
  - name: request-size-limiting # 413
    config: {{allowed_payload_size: {}, size_unit: bytes}}
  # The client's x-request-id, or one of Kong's own.
  - name: correlation-id
    config: {{header_name: x-request-id, generator: uuid}})",
            fleet.max_body_bytes);
}

} // namespace

std::string render_kong(const Fleet& fleet) {
  Text text("#");
  begin(
      text, fleet,
      "For Kong Gateway, from 3.2, without a database: KONG_DECLARATIVE_CONFIG=kong.yaml; kong "
      "config "
      "parse kong.yaml checks it. X-Forwarded-For and -Proto Kong sets by itself: of the addresses "
      "the last is the one that Kong saw.",
      balancing(fleet.strategy).note);
  add_kong_conf(text, fleet);
  text.lines("_format_version: \"3.0\"");
  add_upstream(text, fleet);
  add_service(text, fleet);
  return text.take();
}

} // namespace raglan::exporting
