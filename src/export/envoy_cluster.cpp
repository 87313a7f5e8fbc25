#include "export/envoy.h"

namespace raglan::exporting {
namespace {

using policy::Strategy;

struct Policy {
  std::string_view name; // of the extension
  std::string_view type; // of its configuration
  std::string_view settings;
  bool has_slow_start = true;
};

Policy policy_of(Strategy strategy) {
  const Policy least_request_of_two{"least_request", "LeastRequest", "choice_count: 2"};
  switch (strategy) {
    case Strategy::kRoundRobin:
    case Strategy::kWeightedRoundRobin: return {"round_robin", "RoundRobin", ""};
    case Strategy::kLeastConnections:
      return {"least_request", "LeastRequest", "selection_method: FULL_SCAN"};
    case Strategy::kP2c:
    case Strategy::kPrequal: return least_request_of_two;
    case Strategy::kIpHash: return {"ring_hash", "RingHash", "minimum_ring_size: 1024", false};
    case Strategy::kAffinity:
      return {"ring_hash", "RingHash",
              "minimum_ring_size: 1024\n"
              "            consistent_hashing_lb_config: {hash_balance_factor: 125}",
              false};
  }
  return least_request_of_two;
}

void add_policy(Text& text, const Fleet& fleet) {
  const Policy policy = policy_of(fleet.strategy);
  text.line(R"(    load_balancing_policy:
      policies:
      - typed_extension_config:
          name: envoy.load_balancing_policies.{0}
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.load_balancing_policies.{0}.v3.{1})",
            policy.name, policy.type);
  if (!policy.settings.empty()) text.line("            {}", policy.settings);
  if (policy.has_slow_start && fleet.slow_start.count() > 0) {
    text.line("            slow_start_config: {{slow_start_window: {}}}",
              proto_time(fleet.slow_start));
  }
}

void add_protocol(Text& text) {
  text.comment(
      "HTTP/1.1. Idle connections are kept for less than a node keeps them "
      "(server.idle_timeout): no request finds one closed.",
      4);
  text.line(R"(    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {{http_protocol_options: {{}}}}
        common_http_protocol_options: {{idle_timeout: {}}})",
            proto_time(kNodeIdle));
}

void add_checks(Text& text, const Health& health) {
  text.comment(
      "Without retriable_statuses a node would be out after its first wrong answer. When "
      "less than half of the nodes are well, all are used.",
      4);
  text.line(R"(    health_checks:
    - timeout: {}
      interval: {}
      no_traffic_interval: {}
      unhealthy_threshold: {}
      healthy_threshold: {}
      http_health_check:
        path: "{}"
        host: raglan
        retriable_statuses: [{{start: 201, end: 600}}])",
            proto_time(health.timeout), proto_time(health.interval), proto_time(health.interval),
            health.failure_threshold, health.success_threshold, health.path);
}

void add_outliers(Text& text) {
  text.comment(
      "A node is left out for a while after five requests in a row that got no answer. "
      "Answers 5xx do not count, as they do in Raglan: Envoy cannot tell a broken node from "
      "one that sheds load (503 with Retry-After), and would halve a fleet that is "
      "overloaded.",
      4);
  text.lines(R"(
    outlier_detection:
      split_external_local_origin_errors: true
      consecutive_local_origin_failure: 5
      enforcing_consecutive_local_origin_failure: 100
      enforcing_consecutive_5xx: 0
      enforcing_consecutive_gateway_failure: 0
      enforcing_success_rate: 0
      enforcing_local_origin_success_rate: 0
      base_ejection_time: 30s
      max_ejection_time: 300s
      max_ejection_percent: 50
    # Envoy's own limits of 1024 are few for streams. Retries: a fifth of what is in flight.
    circuit_breakers:
      thresholds:
      - max_connections: 10000
        max_pending_requests: 10000
        max_requests: 10000
        retry_budget: {budget_percent: {value: 20}, min_retry_concurrency: 3})");
}

void add_tls(Text& text, const Fleet& fleet) {
  warn_of_addresses(text, fleet, 4);
  text.lines(R"(
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        auto_host_sni: true
        auto_sni_san_validation: true
        common_tls_context:
          validation_context: {trusted_ca: {filename: /etc/ssl/certs/ca-certificates.crt}})");
}

void add_nodes(Text& text, const Fleet& fleet) {
  text.comment(
      "To drain a node: \"health_status: DRAINING\" beside its endpoint, and a hot restart. "
      "What is in flight there ends first.",
      4);
  text.lines(R"(
    load_assignment:
      cluster_name: raglan
      endpoints:
      - lb_endpoints:)");
  for (const Node& node : fleet.nodes) {
    text.line(
        "        - endpoint:\n            address: {{socket_address: {{address: \"{}\", "
        "port_value: {}}}}}",
        node.host, node.port);
    if (uses_tls(fleet)) text.line("            hostname: \"{}\"", node.host);
    const auto weight = effective_weight(fleet, node);
    if (weight != 1) text.line("          load_balancing_weight: {}", weight);
  }
}

} // namespace

void add_envoy_cluster(Text& text, const Fleet& fleet) {
  text.line("  - name: raglan\n    type: {}\n    connect_timeout: {}",
            has_names(fleet) ? "STRICT_DNS\n    dns_lookup_family: V4_PREFERRED" : "STATIC",
            proto_time(fleet.timeouts.connect));
  add_policy(text, fleet);
  add_protocol(text);
  add_checks(text, fleet.health);
  add_outliers(text);
  if (uses_tls(fleet)) add_tls(text, fleet);
  add_nodes(text, fleet);
}

} // namespace raglan::exporting
