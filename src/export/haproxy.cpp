// HAProxy, from 2.6: a file of its own beside the one with the global section.
#include "export/renderers.h"
#include "export/text.h"

namespace raglan::exporting {
namespace {

using policy::Strategy;

struct Balancing {
  std::string_view directives;
  std::string_view note;
};

Balancing balancing(Strategy strategy) {
  switch (strategy) {
    case Strategy::kRoundRobin:
    case Strategy::kWeightedRoundRobin: return {"  balance roundrobin", ""};
    case Strategy::kLeastConnections: return {"  balance leastconn", ""};
    case Strategy::kIpHash: return {"  balance source\n  hash-type consistent", ""};
    case Strategy::kP2c:
      return {"  balance random(2)", "the two that are drawn may be one and the same node."};
    case Strategy::kPrequal:
      return {
          "  balance random(2)",
          "of two nodes the one with fewer requests in flight. HAProxy does not weigh latency."};
    case Strategy::kAffinity:
      return {
          "  balance hash var(txn.affinity)\n  hash-type consistent sdbm avalanche\n"
          "  hash-balance-factor 125",
          "Authorization stands for the tenant, of a question only upper and lower case are made "
          "alike, and only questions to /v1/query and /v1/search that fit into a buffer "
          "(tune.bufsize) have an affinity; all else takes turns. The bound of 1.25 times the "
          "mean is HAProxy's too."};
  }
  return {};
}

void add_defaults(Text& text, const Fleet& fleet) {
  const Timeouts& timeouts = fleet.timeouts;
  text.lines("defaults raglan\n  mode http");
  text.comment(
      "A client that goes away needs no answer: its node is told. It must stand here: in the "
      "backend alone it ends with the queue.",
      2);
  text.lines("  option abortonclose");
  text.comment("Or each event would wait for a fifth of a second, for another to share its packet.",
               2);
  text.lines("  option http-no-delay");
  text.line("  timeout connect {}", short_time(timeouts.connect));
  text.comment("Without a byte, not for all of an answer: streams last as long as they do.", 2);
  text.line("  timeout server {0}\n  timeout client {0}", short_time(timeouts.response));
  text.line("  timeout http-keep-alive {}\n  timeout http-request 10s\n",
            short_time(timeouts.idle));
}

void add_affinity(Text& text) {
  text.lines(R"(
  acl question path /v1/query /v1/search
  http-request wait-for-body time 30s if question
  http-request set-var(txn.query) req.body,json_query('$.query'),lower if question
  http-request set-var(txn.collection) req.body,json_query('$.collection') if question)");
  text.lines(
      "  http-request set-var-fmt(txn.affinity) "
      "\"%[req.fhdr(authorization)] %[var(txn.collection)] %[var(txn.query)]\" "
      "if { var(txn.query) -m found }");
}

void add_frontend(Text& text, const Fleet& fleet) {
  text.line("frontend raglan from raglan\n  bind {}", authority(fleet.listen));
  text.comment(
      "A body whose length is announced. One in chunks is not counted here: the node counts "
      "it, and answers 413.",
      2);
  text.line("  http-request deny deny_status 413 if {{ req.body_size gt {} }}",
            fleet.max_body_bytes);
  text.lines(R"(
  # What a client says of those before it is not believed.
  http-request del-header forwarded
  http-request set-header x-forwarded-for %[src]
  http-request set-header x-forwarded-proto %[ssl_fc,iif(https,http)]
  http-request set-header x-request-id %[uuid()] unless { req.hdr(x-request-id) -m found })");
  if (fleet.strategy == Strategy::kAffinity) add_affinity(text);
  text.lines("  default_backend raglan\n");
}

void add_retries(Text& text, const Fleet& fleet) {
  text.comment(
      "Another node is asked when no connection came about; when one broke without an "
      "answer, only for what does no harm twice. A 503 of a full queue is an answer, and "
      "goes to the client with its Retry-After.",
      2);
  if (fleet.max_attempts == 1) {
    text.lines("  retries 0");
    return;
  }
  text.line("  retries {}", fleet.max_attempts - 1);
  text.lines(R"(  option redispatch 1
  retry-on conn-failure empty-response response-timeout
  http-request disable-l7-retry unless { method GET HEAD PUT DELETE OPTIONS })");
}

void add_checks(Text& text, const Fleet& fleet) {
  const Health& health = fleet.health;
  text.line(R"(  option httpchk
  http-check send meth GET uri {} ver HTTP/1.1 hdr Host raglan
  http-check expect status 200
  timeout check {})",
            health.path, short_time(health.timeout));
  text.comment("Five requests in a row that could not be sent count as a failed check.", 2);
  std::string server =
      fmt::format("check inter {} fall {} rise {} observe layer4 error-limit 5",
                  short_time(health.interval), health.failure_threshold, health.success_threshold);
  if (fleet.slow_start.count() > 0) {
    server += fmt::format(" slowstart {}", short_time(fleet.slow_start));
  }
  if (has_names(fleet)) server += " resolvers raglan init-addr last,libc,none";
  if (uses_tls(fleet)) server += " ssl verify required ca-file @system-ca";
  text.line("  default-server {}", server);
}

// The certificate must be the node's own.
std::string tls_name(const Fleet& fleet, const Node& node) {
  if (!uses_tls(fleet)) return {};
  if (is_ip(node.host)) return fmt::format(" verifyhost {}", node.host);
  return fmt::format(" sni str({0}) check-sni {0}", node.host);
}

void add_backend(Text& text, const Fleet& fleet) {
  text.comment(
      "To drain a node: \"set server raglan/node1 state drain\" to the stats socket. What is "
      "in flight there goes on to its end.");
  text.lines("backend raglan from raglan");
  text.line("{}", balancing(fleet.strategy).directives);
  add_retries(text, fleet);
  add_checks(text, fleet);
  warn_of_addresses(text, fleet, 2);
  for (std::size_t place = 0; place < fleet.nodes.size(); ++place) {
    const Node& node = fleet.nodes[place];
    const auto weight = effective_weight(fleet, node);
    text.line("  server node{} {}{}{}", place + 1, authority(node),
              weight == 1 ? std::string() : fmt::format(" weight {}", weight),
              tls_name(fleet, node));
  }
}

} // namespace

std::string render_haproxy(const Fleet& fleet) {
  Text text("#");
  begin(text, fleet,
        "For HAProxy, from 2.6: haproxy -f /etc/haproxy/haproxy.cfg -f raglan.cfg; with -c it only "
        "checks.",
        balancing(fleet.strategy).note);
  text.blank();
  add_defaults(text, fleet);
  if (has_names(fleet)) text.lines("resolvers raglan\n  parse-resolv-conf\n");
  add_frontend(text, fleet);
  add_backend(text, fleet);
  return text.take();
}

} // namespace raglan::exporting
