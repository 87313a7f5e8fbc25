// It is not run here: the golden text was held against the target's own description of its format.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "export/example_fleet_test.h"

namespace raglan::exporting {
namespace {

using policy::Strategy;
using testing::HasSubstr;
using testing::Not;

TEST(ExportTraefik, WritesTheDynamicFile) {
  EXPECT_EQ(rendered(Target::kTraefik, example_fleet(Strategy::kWeightedRoundRobin)),
            R"---(# Raglan: 3 nodes behind one address.
# For Traefik, from 3.6: the dynamic configuration, for the file provider. X-Forwarded-For and
# -Proto it sets by itself; an x-request-id it passes on, and the node makes one where there is
# none.
# Strategy weighted_round_robin: as Raglan's own balancer has it.

# In the static configuration:
#   entryPoints:
#     raglan:
#       address: "127.0.0.1:8000"
#       transport: {respondingTimeouts: {idleTimeout: 60s}}
#   providers:
#     file: {filename: /etc/traefik/raglan.yaml, watch: true}

http:
  routers:
    raglan:
      entryPoints: [raglan]
      rule: PathPrefix(`/`)
      service: raglan
      middlewares: [raglan-retry]
    # Traefik counts a body only where it also holds back the answer, which no stream would
    # survive. So it does for documents, and each node for all else (413).
    raglan-documents:
      entryPoints: [raglan]
      rule: PathPrefix(`/v1/documents`)
      service: raglan
      middlewares: [raglan-body, raglan-retry]
  middlewares:
    raglan-body:
      buffering: {maxRequestBodyBytes: 16777216}
    # Only what was not sent yet: when no connection came about.
    raglan-retry:
      retry: {attempts: 3}
  services:
    raglan:
      loadBalancer:
        strategy: wrr
        passHostHeader: true
        serversTransport: raglan
        # Each part of an answer goes on as it comes.
        responseForwarding: {flushInterval: -1ms}
        # Traefik has no thresholds: one check that fails takes a node out (Raglan: 3 in a row),
        # one that succeeds takes it back (1). Until the first check all are taken for well. Its
        # passive check is not used: it counts the 503 of a full queue as a failure. There is no
        # slow start.
        healthCheck:
          path: "/ready"
          interval: 10s
          timeout: 5s
          status: 200
          followRedirects: false
        # To drain a node: take it out here. What is in flight there ends first.
        servers:
        - url: "http://10.0.0.1:8080"
        - url: "http://10.0.0.2:8080"
        - url: "http://node-3:8080"
          weight: 3
  # Until the first byte of an answer; its pauses are not bounded. Idle connections are kept for
  # less than a node keeps them (server.idle_timeout).
  serversTransports:
    raglan:
      disableHTTP2: true
      maxIdleConnsPerHost: 64
      forwardingTimeouts:
        dialTimeout: 5s
        responseHeaderTimeout: 60s
        idleConnTimeout: 30s
)---");
}

TEST(ExportTraefik, ChoosesByItsOwnStrategies) {
  const std::pair<Strategy, const char*> strategies[] = {
      {Strategy::kRoundRobin, "strategy: wrr\n"},
      {Strategy::kIpHash, "strategy: hrw\n"},
      {Strategy::kLeastConnections, "strategy: p2c\n"},
      {Strategy::kP2c, "strategy: p2c\n"},
      {Strategy::kPrequal, "strategy: leasttime\n"},
      {Strategy::kAffinity, "strategy: leasttime\n"},
  };
  for (const auto& [strategy, line] : strategies) {
    EXPECT_THAT(rendered(Target::kTraefik, example_fleet(strategy)), HasSubstr(line));
  }
}

TEST(ExportTraefik, HoldsBackNoAnswerThatMayBeAStream) {
  const std::string text = rendered(Target::kTraefik, example_fleet());
  EXPECT_THAT(
      text,
      HasSubstr(
          "rule: PathPrefix(`/`)\n      service: raglan\n      middlewares: [raglan-retry]\n"));
}

TEST(ExportTraefik, CanBeToldNotToRepeat) {
  Fleet fleet = example_fleet();
  fleet.max_attempts = 1;
  EXPECT_THAT(rendered(Target::kTraefik, fleet), Not(HasSubstr("raglan-retry")));
}

TEST(ExportTraefik, SpeaksTlsToNodesThatDo) {
  EXPECT_THAT(rendered(Target::kTraefik, tls_fleet()),
              HasSubstr("- url: \"https://a.example:443\"\n"));
}

} // namespace
} // namespace raglan::exporting
