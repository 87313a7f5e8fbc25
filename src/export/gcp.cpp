// The global external Application Load Balancer of Google Cloud: two files for gcloud's imports, as
// two documents of one, with the commands for what cannot be imported in comments.
#include <algorithm>

#include "export/renderers.h"
#include "export/text.h"

namespace raglan::exporting {
namespace {

using policy::Strategy;

struct Balancing {
  std::string_view policy;
  std::string_view note;
};

Balancing balancing(Strategy strategy) {
  switch (strategy) {
    case Strategy::kRoundRobin: return {"ROUND_ROBIN", ""};
    case Strategy::kP2c: return {"LEAST_REQUEST", ""};
    case Strategy::kIpHash: return {"RING_HASH", ""};
    case Strategy::kLeastConnections:
      return {"LEAST_REQUEST", "of two nodes the one with fewer requests in flight."};
    case Strategy::kWeightedRoundRobin:
      return {
          "LEAST_REQUEST",
          "weights cannot be given here: WEIGHTED_ROUND_ROBIN takes them from reports that nodes "
          "do "
          "not send. Of two nodes the one with fewer requests in flight is asked, which gives more "
          "to the faster ones."};
    case Strategy::kPrequal:
      return {"LEAST_REQUEST", "requests in flight are compared, and latency is not."};
    case Strategy::kAffinity:
      return {
          "LEAST_REQUEST",
          "the balancer cannot see what is asked, so a question may go to any node and find its "
          "answer in no "
          "cache there but one that the nodes share (redis.url). What is left of affinity is what "
          "it falls back to, without latency."};
  }
  return {"ROUND_ROBIN", ""};
}

void add_group(Text& text, const Fleet& fleet) {
  text.line("# 1. The nodes, and how they are checked.");
  text.line(
      "# gcloud compute network-endpoint-groups create raglan --zone=ZONE "
      "--network-endpoint-type=gce-vm-ip-port");
  for (const Node& node : fleet.nodes) {
    text.line(
        "# gcloud compute network-endpoint-groups update raglan --zone=ZONE "
        "--add-endpoint=ip={},port={}",
        is_ip(node.host) ? node.host : fmt::format("ADDRESS-OF-{}", node.host), node.port);
  }
  const Health& health = fleet.health;
  const auto timeout = whole_seconds(health.timeout, 1, 300);
  text.line(
      "# gcloud compute health-checks create {} raglan --use-serving-port --request-path={} \\\n"
      "#   --timeout={}s --check-interval={}s --unhealthy-threshold={} --healthy-threshold={}",
      uses_tls(fleet) ? "https" : "http", health.path, timeout,
      whole_seconds(health.interval, timeout, 300), health.failure_threshold,
      health.success_threshold);
}

void add_service(Text& text, const Fleet& fleet) {
  text.line(
      "#\n# 2. gcloud compute backend-services import raglan --global --source=raglan-1.yaml");
  text.line(R"(---
name: raglan
loadBalancingScheme: EXTERNAL_MANAGED
protocol: {}
healthChecks:
- https://www.googleapis.com/compute/v1/projects/PROJECT/global/healthChecks/raglan
backends:
- group: https://www.googleapis.com/compute/v1/projects/PROJECT/zones/ZONE/networkEndpointGroups/raglan
  balancingMode: RATE
  maxRatePerEndpoint: 1000 # a second; an aim, and no limit)",
            uses_tls(fleet) ? "HTTPS" : "HTTP");
  text.line("localityLbPolicy: {}", balancing(fleet.strategy).policy);
  text.line("sessionAffinity: {}", fleet.strategy == Strategy::kIpHash ? "CLIENT_IP" : "NONE");
  text.comment("Here it is of all of an answer, to its last byte: as long as the longest stream.");
  text.line("timeoutSec: {}", std::chrono::seconds(kLongestStream).count());
  text.comment("To drain a node: --remove-endpoint. What is in flight there has so long to end.");
  text.lines("connectionDraining: {drainingTimeoutSec: 300}");
}

void add_url_map(Text& text, const Fleet& fleet) {
  text.line("---\n# 3. gcloud compute url-maps import raglan --global --source=raglan-2.yaml");
  text.lines(R"(
name: raglan
defaultService: https://www.googleapis.com/compute/v1/projects/PROJECT/global/backendServices/raglan
hostRules:
- hosts: ["*"]
  pathMatcher: raglan
pathMatchers:
- name: raglan
  defaultService: https://www.googleapis.com/compute/v1/projects/PROJECT/global/backendServices/raglan)");
  text.comment(
      "Without it a GET is repeated that was answered 502, 503 or 504. With it, only what no "
      "connection came about for; once at least.",
      2);
  text.line(
      "  defaultRouteAction:\n    retryPolicy: {{numRetries: {}, retryConditions: "
      "[connect-failure]}}",
      std::max(1u, fleet.max_attempts - 1));
}

void add_front(Text& text, const Fleet& fleet) {
  text.line(R"(#
# 4. The address in front.
# gcloud compute target-http-proxies create raglan --url-map=raglan --http-keep-alive-timeout-sec={}
# gcloud compute forwarding-rules create raglan --global --load-balancing-scheme=EXTERNAL_MANAGED \
#   --target-http-proxy=raglan --ports={})",
            whole_seconds(fleet.timeouts.idle, 5, 1200), fleet.listen.port);
}

} // namespace

std::string render_gcp(const Fleet& fleet) {
  Text text("#");
  begin(text, fleet,
        "For the global external Application Load Balancer of Google Cloud. Put your own names for "
        "PROJECT and ZONE. This is two files; csplit -f raglan- -b %d.yaml FILE '/^---$/' '{1}' "
        "takes it "
        "apart.",
        balancing(fleet.strategy).note);
  if (uses_tls(fleet)) text.comment("It does not check the certificates of nodes.");
  text.comment(
      "Answers are not buffered: events go on as they come. There is no slow start, and no "
      "limit of bodies: each node has its own (413). X-Forwarded-For and -Proto it sets by "
      "itself; an x-request-id it passes on, and the node makes one where there is none.");
  text.line("#");
  add_group(text, fleet);
  add_service(text, fleet);
  add_url_map(text, fleet);
  add_front(text, fleet);
  return text.take();
}

} // namespace raglan::exporting
