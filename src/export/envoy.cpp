// Envoy: a static bootstrap of API version 3. What belongs to the nodes is in envoy_cluster.cpp.
#include <algorithm>
#include <limits>

#include "export/envoy.h"
#include "export/renderers.h"
#include "export/text.h"

namespace raglan::exporting {
namespace {

using policy::Strategy;

constexpr const char* kTakesTurns =
    "where weights differ, and while a node starts slowly, Envoy compares no nodes but takes "
    "turns, by "
    "the weight divided by the requests in flight.";

std::string note(const Fleet& fleet) {
  switch (fleet.strategy) {
    case Strategy::kRoundRobin:
    case Strategy::kWeightedRoundRobin: return {};
    case Strategy::kIpHash:
      return fleet.slow_start.count() > 0 ? "a ring of hashes has no slow start." : "";
    case Strategy::kLeastConnections:
      if (!is_weighted(fleet) && fleet.slow_start.count() == 0) return {};
      return kTakesTurns;
    case Strategy::kP2c:
      return fmt::format("the two that are drawn may be one and the same node; {}", kTakesTurns);
    case Strategy::kPrequal:
      return "of two nodes the one with fewer requests in flight. Envoy does not weigh latency, "
             "but by reports (ORCA) that nodes do not send.";
    case Strategy::kAffinity:
      return "Authorization stands for the tenant, a question is hashed as it is written, and only "
             "those to /v1/query and /v1/search have an affinity; all else goes anywhere. The "
             "bound "
             "of 1.25 times the mean is Envoy's too. A ring of hashes has no slow start.";
  }
  return {};
}

void add_retry_policy(Text& text, const Fleet& fleet, std::string_view retry_on) {
  if (fleet.max_attempts == 1) return;
  text.line("                  retry_policy:\n                    retry_on: {}", retry_on);
  text.line("                    num_retries: {}", fleet.max_attempts - 1);
  text.lines(R"(
                    retry_back_off: {base_interval: 0.025s, max_interval: 2.500s}
                    host_selection_retry_max_attempts: 5
                    retry_host_predicate:
                    - name: envoy.retry_host_predicates.previous_hosts
                      typed_config:
                        "@type": type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate)");
}

// `match`: the inside of a flow mapping.
void add_route(Text& text, const Fleet& fleet, std::string_view match, std::string_view retry_on,
               bool question = false) {
  text.line("              - match: {{{}}}\n                route:", match);
  text.lines(R"(                  cluster: raglan
                  timeout: 0s # of all of an answer: streams last as long as they do)");
  text.line("                  idle_timeout: {} # without a byte",
            proto_time(fleet.timeouts.response));
  if (fleet.strategy == Strategy::kIpHash) {
    text.lines("                  hash_policy: [{connection_properties: {source_ip: true}}]");
  } else if (question) {
    text.lines("                  hash_policy: [{filter_state: {key: raglan.affinity}}]");
  }
  add_retry_policy(text, fleet, retry_on);
}

void add_routes(Text& text, const Fleet& fleet) {
  text.comment(
      "Another node is asked when no connection came about; when one broke without an "
      "answer, only for what does no harm twice. A 503 of a full queue is an answer, and "
      "goes to the client with its Retry-After.",
      14);
  if (fleet.strategy == Strategy::kAffinity) {
    add_route(text, fleet, R"(safe_regex: {regex: '/v1/(query|search)'})",
              "connect-failure,refused-stream", true);
  }
  add_route(text, fleet,
            R"(prefix: /, headers: [{name: ":method", string_match: {safe_regex: )"
            R"({regex: "GET|HEAD|PUT|DELETE|OPTIONS"}}}])",
            "connect-failure,refused-stream,reset");
  add_route(text, fleet, "prefix: /", "connect-failure,refused-stream");
}

void add_filters(Text& text, const Fleet& fleet) {
  text.lines("          http_filters:");
  text.comment("A body above it is answered 413. Envoy holds all of it before it asks a node.", 10);
  text.lines(R"(
          - name: envoy.filters.http.buffer
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer)");
  text.line(
      "              max_request_bytes: {}",
      std::min<std::uint64_t>(fleet.max_body_bytes, std::numeric_limits<std::uint32_t>::max()));
  if (fleet.strategy == Strategy::kAffinity) {
    text.lines(R"(
          - name: envoy.filters.http.json_to_metadata
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata
              request_rules:
                rules:
                - selectors: [{key: query}]
                  on_present: {metadata_namespace: raglan, key: query}
                - selectors: [{key: collection}]
                  on_present: {metadata_namespace: raglan, key: collection}
          - name: envoy.filters.http.set_filter_state
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config
              on_request_headers:
              - object_key: raglan.affinity
                factory_key: envoy.hashable_string
                format_string:
                  text_format_source:
                    inline_string: "%REQ(authorization)% %DYNAMIC_METADATA(raglan:collection)% %DYNAMIC_METADATA(raglan:query)%")");
  }
  text.lines(R"(
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router)");
}

void add_listener(Text& text, const Fleet& fleet) {
  text.line(R"(  listeners:
  - name: raglan
    address: {{socket_address: {{address: "{}", port_value: {}}}}}
    filter_chains:
    - filters:)",
            fleet.listen.host, fleet.listen.port);
  text.lines(R"(
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: raglan
          server_header_transformation: PASS_THROUGH
          # The client's x-request-id, or one of Envoy's own.
          preserve_external_request_id: true
          # What a client says of those before it is not believed.
          use_remote_address: true
          early_header_mutation_extensions:
          - name: raglan
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation
              mutations: [{remove: x-forwarded-for}, {remove: x-forwarded-proto}, {remove: forwarded}]
          request_headers_timeout: 10s)");
  text.line("          common_http_protocol_options: {{idle_timeout: {}}}",
            proto_time(fleet.timeouts.idle));
  text.lines(R"(
          route_config:
            virtual_hosts:
            - name: raglan
              domains: ["*"]
              routes:)");
  add_routes(text, fleet);
  add_filters(text, fleet);
}

} // namespace

std::string render_envoy(const Fleet& fleet) {
  Text text("#");
  begin(text, fleet,
        "For Envoy: envoy -c envoy.yaml; with --mode validate it only checks. Made for 1.40.",
        note(fleet));
  text.blank();
  text.lines("static_resources:");
  add_listener(text, fleet);
  text.lines("  clusters:");
  add_envoy_cluster(text, fleet);
  return text.take();
}

} // namespace raglan::exporting
