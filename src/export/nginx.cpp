// nginx, open source, from 1.15.3: a file for conf.d, which is included inside of http { }.
#include "export/renderers.h"
#include "export/text.h"

namespace raglan::exporting {
namespace {

using policy::Strategy;

struct Balancing {
  std::string_view directive; // empty: nginx's own round robin
  std::string_view note;
};

Balancing balancing(Strategy strategy) {
  switch (strategy) {
    case Strategy::kRoundRobin:
    case Strategy::kWeightedRoundRobin: return {};
    case Strategy::kLeastConnections: return {"least_conn;", ""};
    case Strategy::kIpHash:
      // nginx's ip_hash looks at the first three numbers of an IPv4 address only: all of an office
      // would be one client.
      return {"hash $binary_remote_addr consistent;", ""};
    case Strategy::kP2c: return {"random two least_conn;", ""};
    case Strategy::kPrequal:
      return {"random two least_conn;",
              "of two nodes the one with fewer requests in flight. nginx measures no latency "
              "without its commercial least_time."};
    case Strategy::kAffinity:
      return {
          "hash $raglan_affinity consistent;",
          "the same body of a question, to the byte, goes to the same node. nginx does not read "
          "JSON, so another spelling is another question; and it does not bound a node's load, "
          "so a question that everybody asks stays with one node. All else goes anywhere."};
  }
  return {};
}

void add_maps(Text& text, const Fleet& fleet) {
  text.lines(R"(
# The client's x-request-id, or one of nginx's own.
map $http_x_request_id $raglan_request_id {
  default $http_x_request_id;
  "" $request_id;
})");
  if (fleet.strategy == Strategy::kAffinity) {
    text.lines(R"(
map $uri $raglan_affinity {
  default $request_id;
  /v1/query $http_authorization$request_body;
  /v1/search $http_authorization$request_body;
})");
  }
  text.blank();
}

void add_upstream(Text& text, const Fleet& fleet) {
  const auto fail_timeout = std::chrono::seconds( // in whole seconds only
      whole_seconds(fleet.health.interval * fleet.health.failure_threshold, 1));
  text.comment(fmt::format(
      "nginx has active health checks in its commercial version only: {} is not asked here. A node "
      "that cannot be connected to, or breaks off, or is silent too long, {} times within {}, gets "
      "nothing for {}. One that answers 503 because it is not ready goes on being asked. There is "
      "no "
      "slow start either.",
      fleet.health.path, fleet.health.failure_threshold, short_time(fail_timeout),
      short_time(fail_timeout)));
  text.comment(
      "To drain a node: add \"down\" to its line, and nginx -s reload. What is in flight "
      "there ends first.");
  if (has_names(fleet)) {
    text.comment("Names are looked up when nginx starts or reloads, and never again.");
  }
  text.lines("upstream raglan {\n  zone raglan 1m; # what is known of the nodes, for all workers");
  const std::string_view directive = balancing(fleet.strategy).directive;
  if (!directive.empty()) text.line("  {}", directive);
  for (const Node& node : fleet.nodes) {
    const auto weight = effective_weight(fleet, node);
    text.line("  server {}{} max_fails={} fail_timeout={};", authority(node),
              weight == 1 ? std::string() : fmt::format(" weight={}", weight),
              fleet.health.failure_threshold, short_time(fail_timeout));
  }
  text.comment(
      "Shorter than a node keeps an idle connection (server.idle_timeout): no request "
      "finds it closed.",
      2);
  text.line("  keepalive 64;\n  keepalive_timeout {};\n}}", short_time(kNodeIdle));
  text.blank();
}

void add_tls(Text& text, const Fleet& fleet) {
  text.comment("nginx knows one name for the certificates of all nodes; each must hold it.", 4);
  warn_of_addresses(text, fleet, 4);
  text.line("    proxy_ssl_name {};", fleet.nodes.front().host);
  text.lines(R"(    proxy_ssl_server_name on;
    proxy_ssl_verify on;
    proxy_ssl_verify_depth 3;
    proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;)");
}

void add_server(Text& text, const Fleet& fleet) {
  text.line("server {{\n  listen {};", authority(fleet.listen));
  text.comment("Bodies above it are answered 413. 0 would mean no limit.", 2);
  text.line("  client_max_body_size {};", fleet.max_body_bytes);
  if (fleet.strategy == Strategy::kAffinity) {
    text.comment("A question must be in memory to be hashed.", 2);
    text.line("  client_body_buffer_size 128k;");
  }
  text.line("  keepalive_timeout {};\n", short_time(fleet.timeouts.idle));
  text.line("  location / {{\n    proxy_pass {}://raglan;", uses_tls(fleet) ? "https" : "http");
  if (uses_tls(fleet)) add_tls(text, fleet);
  text.lines(R"(    proxy_http_version 1.1;
    proxy_set_header Connection ""; # kept alive
    proxy_set_header Host $http_host;
    # What a client says of those before it is not believed. Behind another proxy: set_real_ip_from.
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Request-Id $raglan_request_id;

    # Answers are streams: each event goes on as it comes.
    proxy_buffering off;)");
  text.line("    proxy_connect_timeout {};", short_time(fleet.timeouts.connect));
  text.comment("Between two reads, not for all of an answer.", 4);
  text.line("    proxy_read_timeout {0};\n    proxy_send_timeout {0};\n",
            short_time(fleet.timeouts.response));
  text.comment(
      "Another node is asked when no connection came about; when one broke, only for what "
      "does no harm twice: nginx does not send a POST again. A 503 of a full queue is an "
      "answer, and goes to the client with its Retry-After.",
      4);
  text.line("    proxy_next_upstream {};",
            fleet.max_attempts == 1 ? "off" : "error timeout"); // tries 0 would be no limit
  text.line("    proxy_next_upstream_tries {};\n  }}\n}}", fleet.max_attempts);
}

} // namespace

std::string render_nginx(const Fleet& fleet) {
  Text text("#");
  begin(
      text, fleet,
      "For nginx (open source): put this into /etc/nginx/conf.d/raglan.conf, where it is inside of "
      "http { }; nginx -t checks it.",
      balancing(fleet.strategy).note);
  text.blank();
  add_maps(text, fleet);
  add_upstream(text, fleet);
  add_server(text, fleet);
  return text.take();
}

} // namespace raglan::exporting
