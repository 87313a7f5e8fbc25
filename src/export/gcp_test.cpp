// It is not run here: the golden text was held against the target's own description of its format.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "export/example_fleet_test.h"

namespace raglan::exporting {
namespace {

using policy::Strategy;
using testing::HasSubstr;
using testing::Not;

TEST(ExportGcp, WritesTwoFilesAndTheCommandsAround) {
  EXPECT_EQ(rendered(Target::kGcp, example_fleet(Strategy::kIpHash)),
            R"---(# Raglan: 3 nodes behind one address.
# For the global external Application Load Balancer of Google Cloud. Put your own names for
# PROJECT and ZONE. This is two files; csplit -f raglan- -b %d.yaml FILE '/^---$/' '{1}' takes
# it apart.
# Strategy ip_hash: as Raglan's own balancer has it.
# Answers are not buffered: events go on as they come. There is no slow start, and no limit of
# bodies: each node has its own (413). X-Forwarded-For and -Proto it sets by itself; an
# x-request-id it passes on, and the node makes one where there is none.
#
# 1. The nodes, and how they are checked.
# gcloud compute network-endpoint-groups create raglan --zone=ZONE --network-endpoint-type=gce-vm-ip-port
# gcloud compute network-endpoint-groups update raglan --zone=ZONE --add-endpoint=ip=10.0.0.1,port=8080
# gcloud compute network-endpoint-groups update raglan --zone=ZONE --add-endpoint=ip=10.0.0.2,port=8080
# gcloud compute network-endpoint-groups update raglan --zone=ZONE --add-endpoint=ip=ADDRESS-OF-node-3,port=8080
# gcloud compute health-checks create http raglan --use-serving-port --request-path=/ready \
#   --timeout=5s --check-interval=10s --unhealthy-threshold=3 --healthy-threshold=1
#
# 2. gcloud compute backend-services import raglan --global --source=raglan-1.yaml
---
name: raglan
loadBalancingScheme: EXTERNAL_MANAGED
protocol: HTTP
healthChecks:
- https://www.googleapis.com/compute/v1/projects/PROJECT/global/healthChecks/raglan
backends:
- group: https://www.googleapis.com/compute/v1/projects/PROJECT/zones/ZONE/networkEndpointGroups/raglan
  balancingMode: RATE
  maxRatePerEndpoint: 1000 # a second; an aim, and no limit
localityLbPolicy: RING_HASH
sessionAffinity: CLIENT_IP
# Here it is of all of an answer, to its last byte: as long as the longest stream.
timeoutSec: 3600
# To drain a node: --remove-endpoint. What is in flight there has so long to end.
connectionDraining: {drainingTimeoutSec: 300}
---
# 3. gcloud compute url-maps import raglan --global --source=raglan-2.yaml
name: raglan
defaultService: https://www.googleapis.com/compute/v1/projects/PROJECT/global/backendServices/raglan
hostRules:
- hosts: ["*"]
  pathMatcher: raglan
pathMatchers:
- name: raglan
  defaultService: https://www.googleapis.com/compute/v1/projects/PROJECT/global/backendServices/raglan
  # Without it a GET is repeated that was answered 502, 503 or 504. With it, only what no
  # connection came about for; once at least.
  defaultRouteAction:
    retryPolicy: {numRetries: 2, retryConditions: [connect-failure]}
#
# 4. The address in front.
# gcloud compute target-http-proxies create raglan --url-map=raglan --http-keep-alive-timeout-sec=60
# gcloud compute forwarding-rules create raglan --global --load-balancing-scheme=EXTERNAL_MANAGED \
#   --target-http-proxy=raglan --ports=8000
)---");
}

TEST(ExportGcp, ChoosesByItsOwnPolicies) {
  const std::pair<Strategy, const char*> policies[] = {
      {Strategy::kRoundRobin, "localityLbPolicy: ROUND_ROBIN\nsessionAffinity: NONE\n"},
      {Strategy::kLeastConnections, "localityLbPolicy: LEAST_REQUEST\n"},
      {Strategy::kWeightedRoundRobin, "localityLbPolicy: LEAST_REQUEST\n"},
      {Strategy::kAffinity, "localityLbPolicy: LEAST_REQUEST\n"},
  };
  for (const auto& [strategy, line] : policies) {
    EXPECT_THAT(rendered(Target::kGcp, example_fleet(strategy)), HasSubstr(line));
  }
}

TEST(ExportGcp, SaysThatCertificatesAreNotChecked) {
  EXPECT_THAT(rendered(Target::kGcp, tls_fleet()), HasSubstr("does not check the certificates"));
  EXPECT_THAT(rendered(Target::kGcp, example_fleet()), Not(HasSubstr("certificates")));
}

} // namespace
} // namespace raglan::exporting
