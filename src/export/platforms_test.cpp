// They are not run here: the golden texts were held against the platforms' own descriptions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "export/example_fleet_test.h"

namespace raglan::exporting {
namespace {

using policy::Strategy;
using testing::HasSubstr;

TEST(ExportRender, WritesABlueprint) {
  EXPECT_EQ(rendered(Target::kRender, example_fleet(Strategy::kIpHash)),
            R"---(# Raglan: 3 nodes behind one address.
# For Render: render.yaml in the root folder of the repository whose Dockerfile runs raglan
# serve.
# Strategy ip_hash, not the same: it has no meaning here. The platform distributes requests
# evenly, and cannot be told otherwise. For another strategy, run `raglan balance` as a service
# in front of the nodes.
# Addresses, ports and weights of nodes, timeouts, retries, slow start and the limit of bodies
# are the platform's own; each node keeps its limit (413). All nodes must share a store:
# RAGLAN_STORE__URL=postgresql://...
# Checked every few seconds: out after 15 s of failures, and the instance is begun anew after 60
# s.

services:
- type: web
  name: raglan
  runtime: docker
  plan: standard
  numInstances: 3
  healthCheckPath: /ready
  # Longer than a node takes to drain (server.drain_timeout).
  maxShutdownDelaySeconds: 60
  envVars:
  - {key: RAGLAN_SERVER__LISTEN, value: "0.0.0.0:10000"}
  # A node that is reached from outside wants to know who asks.
  - {key: RAGLAN_AUTH__MODE, value: api_key}
  - {key: RAGLAN_STORE__URL, sync: false}
)---");
}

TEST(ExportRender, DistributesEvenlyAsRoundRobinDoes) {
  EXPECT_THAT(rendered(Target::kRender, example_fleet()),
              HasSubstr("# Strategy round_robin: as Raglan's own balancer has it.\n"));
}

TEST(ExportRailway, WritesAFileWithComments) {
  EXPECT_EQ(rendered(Target::kRailway, example_fleet()), R"---(# Raglan: 3 nodes behind one address.
# For Railway: railway.toml in the root folder of the repository whose Dockerfile runs raglan
# serve. TOML and not JSON, which has no comments; Railway reads both.
# Strategy round_robin, not the same: it has no meaning here. The platform distributes requests
# at random, and cannot be told otherwise. For another strategy, run `raglan balance` as a
# service in front of the nodes.
# Addresses, ports and weights of nodes, timeouts, retries, slow start and the limit of bodies
# are the platform's own; each node keeps its limit (413). All nodes must share a store:
# RAGLAN_STORE__URL=postgresql://...
# Asked before a new deployment gets traffic, and never after: a node that is not ready later
# goes on getting its share.
# Variables, beside the store: RAGLAN_SERVER__LISTEN=0.0.0.0:8080, PORT=8080,
# RAGLAN_AUTH__MODE=api_key.

[build]
builder = "DOCKERFILE"

[deploy]
numReplicas = 3
healthcheckPath = "/ready"
healthcheckTimeout = 300
restartPolicyType = "ALWAYS"
# Longer than a node takes to drain (server.drain_timeout).
drainingSeconds = 60
)---");
}

} // namespace
} // namespace raglan::exporting
