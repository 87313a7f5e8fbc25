// Traefik 3: the dynamic configuration, for the file provider; the static part is in comments.
#include "export/renderers.h"
#include "export/text.h"

namespace raglan::exporting {
namespace {

using policy::Strategy;

struct Balancing {
  std::string_view strategy;
  std::string_view note;
};

Balancing balancing(const Fleet& fleet) {
  switch (fleet.strategy) {
    case Strategy::kRoundRobin:
    case Strategy::kWeightedRoundRobin: return {"wrr", ""};
    case Strategy::kIpHash: return {"hrw", ""};
    case Strategy::kLeastConnections:
      return {"p2c",
              "of two nodes the one with fewer requests in flight, whatever their weights. Traefik "
              "compares all of them only together with their latency."};
    case Strategy::kP2c:
      return {"p2c", is_weighted(fleet) ? "Traefik does not look at weights here." : ""};
    case Strategy::kPrequal:
      return {
          "leasttime",
          "the node with the least of average time to the first byte times requests in flight, of "
          "all nodes and not of some that were probed."};
    case Strategy::kAffinity:
      return {
          "leasttime",
          "Traefik cannot see what is asked, so a question may go to any node and find its answer "
          "in no cache there but one that the nodes share (redis.url). What is left of affinity is "
          "what it falls back to: latency and requests in flight."};
  }
  return {"wrr", ""};
}

void add_static_part(Text& text, const Fleet& fleet) {
  text.line(R"(
# In the static configuration:
#   entryPoints:
#     raglan:
#       address: "{}"
#       transport: {{respondingTimeouts: {{idleTimeout: {}}}}}
#   providers:
#     file: {{filename: /etc/traefik/raglan.yaml, watch: true}}
)",
            authority(fleet.listen), short_time(fleet.timeouts.idle));
}

void add_routers(Text& text, const Fleet& fleet) {
  const bool retries = fleet.max_attempts > 1;
  text.line(R"(http:
  routers:
    raglan:
      entryPoints: [raglan]
      rule: PathPrefix(`/`)
      service: raglan{})",
            retries ? "\n      middlewares: [raglan-retry]" : "");
  text.comment(
      "Traefik counts a body only where it also holds back the answer, which no stream would "
      "survive. So it does for documents, and each node for all else (413).",
      4);
  text.line(R"(    raglan-documents:
      entryPoints: [raglan]
      rule: PathPrefix(`/v1/documents`)
      service: raglan
      middlewares: [raglan-body{}]
  middlewares:
    raglan-body:
      buffering: {{maxRequestBodyBytes: {}}})",
            retries ? ", raglan-retry" : "", fleet.max_body_bytes);
  if (!retries) return;
  text.comment("Only what was not sent yet: when no connection came about.", 4);
  text.line("    raglan-retry:\n      retry: {{attempts: {}}}", fleet.max_attempts);
}

void add_service(Text& text, const Fleet& fleet) {
  text.line(R"(  services:
    raglan:
      loadBalancer:
        strategy: {}
        passHostHeader: true
        serversTransport: raglan)",
            balancing(fleet).strategy);
  text.comment("Each part of an answer goes on as it comes.", 8);
  text.lines("        responseForwarding: {flushInterval: -1ms}");
  text.comment(
      fmt::format("Traefik has no thresholds: one check that fails takes a node out (Raglan: {} "
                  "in a row), one that succeeds takes it back ({}). Until the first check all are "
                  "taken for well. Its passive check is not used: it counts the 503 of a full "
                  "queue as a failure. There is no slow start.",
                  fleet.health.failure_threshold, fleet.health.success_threshold),
      8);
  text.line(R"(        healthCheck:
          path: "{}"
          interval: {}
          timeout: {}
          status: 200
          followRedirects: false)",
            fleet.health.path, short_time(fleet.health.interval), short_time(fleet.health.timeout));
  text.comment("To drain a node: take it out here. What is in flight there ends first.", 8);
  text.lines("        servers:");
  for (const Node& node : fleet.nodes) {
    const auto weight = effective_weight(fleet, node);
    text.line("        - url: \"{}://{}\"", uses_tls(fleet) ? "https" : "http", authority(node));
    if (weight != 1) text.line("          weight: {}", weight);
  }
}

void add_transport(Text& text, const Fleet& fleet) {
  text.comment(
      "Until the first byte of an answer; its pauses are not bounded. Idle connections are "
      "kept for less than a node keeps them (server.idle_timeout).",
      2);
  text.line(R"(  serversTransports:
    raglan:
      disableHTTP2: true
      maxIdleConnsPerHost: 64
      forwardingTimeouts:
        dialTimeout: {}
        responseHeaderTimeout: {}
        idleConnTimeout: {})",
            short_time(fleet.timeouts.connect), short_time(fleet.timeouts.response),
            short_time(kNodeIdle));
}

} // namespace

std::string render_traefik(const Fleet& fleet) {
  Text text("#");
  begin(text, fleet,
        "For Traefik, from 3.6: the dynamic configuration, for the file provider. X-Forwarded-For "
        "and "
        "-Proto it sets by itself; an x-request-id it passes on, and the node makes one where "
        "there is "
        "none.",
        balancing(fleet).note);
  add_static_part(text, fleet);
  add_routers(text, fleet);
  add_service(text, fleet);
  add_transport(text, fleet);
  return text.take();
}

} // namespace raglan::exporting
