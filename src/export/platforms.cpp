// Render and Railway: platforms that run the nodes and balance before them, in a way of their own.
// What there is to say is how many nodes there are, and where to ask whether one is ready.
#include "export/renderers.h"
#include "export/text.h"

namespace raglan::exporting {
namespace {

using policy::Strategy;

// Why the strategy means nothing to a platform that distributes in `its_way`.
std::string note(const Fleet& fleet, std::string_view its_way, bool evenly) {
  if (fleet.strategy == Strategy::kRoundRobin && evenly) return {};
  return fmt::format(
      "it has no meaning here. The platform distributes requests {}, and cannot be "
      "told otherwise. For another strategy, run `raglan balance` as a service in front "
      "of the nodes.",
      its_way);
}

constexpr std::string_view kOnlyHere =
    "Addresses, ports and weights of nodes, timeouts, retries, slow start and the limit of bodies "
    "are "
    "the platform's own; each node keeps its limit (413). All nodes must share a store: "
    "RAGLAN_STORE__URL=postgresql://...";

} // namespace

std::string render_render(const Fleet& fleet) {
  Text text("#");
  begin(text, fleet,
        "For Render: render.yaml in the root folder of the repository whose Dockerfile runs raglan "
        "serve.",
        note(fleet, "evenly", true));
  text.comment(kOnlyHere);
  text.comment(
      "Checked every few seconds: out after 15 s of failures, and the instance is begun anew "
      "after 60 s.");
  text.blank();
  text.line(R"(services:
- type: web
  name: raglan
  runtime: docker
  plan: standard
  numInstances: {}
  healthCheckPath: {}
  # Longer than a node takes to drain (server.drain_timeout).
  maxShutdownDelaySeconds: {}
  envVars:
  - {{key: RAGLAN_SERVER__LISTEN, value: "0.0.0.0:10000"}}
  # A node that is reached from outside wants to know who asks.
  - {{key: RAGLAN_AUTH__MODE, value: api_key}}
  - {{key: RAGLAN_STORE__URL, sync: false}})",
            fleet.nodes.size(), fleet.health.path, (kDrain * 2).count());
  return text.take();
}

std::string render_railway(const Fleet& fleet) {
  Text text("#");
  begin(
      text, fleet,
      "For Railway: railway.toml in the root folder of the repository whose Dockerfile runs raglan "
      "serve. TOML and not JSON, which has no comments; Railway reads both.",
      note(fleet, "at random", false));
  text.comment(kOnlyHere);
  text.comment(
      "Asked before a new deployment gets traffic, and never after: a node that is not ready "
      "later goes on getting its share.");
  text.comment(
      "Variables, beside the store: RAGLAN_SERVER__LISTEN=0.0.0.0:8080, PORT=8080, "
      "RAGLAN_AUTH__MODE=api_key.");
  text.blank();
  text.line(R"([build]
builder = "DOCKERFILE"

[deploy]
numReplicas = {}
healthcheckPath = "{}"
healthcheckTimeout = 300
restartPolicyType = "ALWAYS"
# Longer than a node takes to drain (server.drain_timeout).
drainingSeconds = {})",
            fleet.nodes.size(), fleet.health.path, (kDrain * 2).count());
  return text.take();
}

} // namespace raglan::exporting
