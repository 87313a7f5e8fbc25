// It is not run here: the golden text was held against the target's own description of its format.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "export/example_fleet_test.h"

namespace raglan::exporting {
namespace {

using policy::Strategy;
using testing::HasSubstr;
using testing::Not;

TEST(ExportKong, WritesTheDeclarativeFile) {
  EXPECT_EQ(rendered(Target::kKong, example_fleet(Strategy::kIpHash)),
            R"---(# Raglan: 3 nodes behind one address.
# For Kong Gateway, from 3.2, without a database: KONG_DECLARATIVE_CONFIG=kong.yaml; kong config
# parse kong.yaml checks it. X-Forwarded-For and -Proto Kong sets by itself: of the addresses
# the last is the one that Kong saw.
# Strategy ip_hash: as Raglan's own balancer has it.

# In kong.conf, which the declarative file cannot say:
#   proxy_listen = 127.0.0.1:8000
#   nginx_http_keepalive_timeout = 60s
#   # Shorter than a node keeps an idle connection (server.idle_timeout): no request finds it closed.
#   upstream_keepalive_idle_timeout = 30

_format_version: "3.0"
upstreams:
- name: raglan
  algorithm: consistent-hashing
  hash_on: ip
  healthchecks:
    # Passively only what got no answer is counted: Kong cannot tell a broken node from one that
    # sheds load (503 with Retry-After). There is no slow start.
    passive:
      unhealthy: {tcp_failures: 5, timeouts: 5, http_failures: 0}
    active:
      type: http
      http_path: "/ready"
      timeout: 5
      healthy: {interval: 10, successes: 1, http_statuses: [200]}
      unhealthy:
        interval: 10
        http_failures: 3
        tcp_failures: 3
        timeouts: 3
        http_statuses: [429, 404, 500, 501, 502, 503, 504, 505]
  # To drain a node: weight 0. What is in flight there ends first.
  targets:
  - target: "10.0.0.1:8080"
    weight: 1
  - target: "10.0.0.2:8080"
    weight: 1
  - target: "node-3:8080"
    weight: 3
services:
- name: raglan
  host: raglan
  protocol: http
  connect_timeout: 5000
  # Between two reads, not for all of an answer.
  read_timeout: 60000
  write_timeout: 60000
  # Another node is asked when no connection came about; when one broke, only for what does no
  # harm twice: Kong does not send a POST again.
  retries: 2
  routes:
  - name: raglan
    paths: [/]
    strip_path: false
    preserve_host: true
    # Answers are streams: each event goes on as it comes.
    response_buffering: false
  plugins:
  - name: request-size-limiting # 413
    config: {allowed_payload_size: 16777216, size_unit: bytes}
  # The client's x-request-id, or one of Kong's own.
  - name: correlation-id
    config: {header_name: x-request-id, generator: uuid}
)---");
}

TEST(ExportKong, ChoosesByItsOwnAlgorithms) {
  const std::pair<Strategy, const char*> algorithms[] = {
      {Strategy::kRoundRobin, "algorithm: round-robin\n"},
      {Strategy::kWeightedRoundRobin, "algorithm: round-robin\n"},
      {Strategy::kLeastConnections, "algorithm: least-connections\n"},
      {Strategy::kP2c, "algorithm: least-connections\n"},
      {Strategy::kPrequal, "algorithm: latency\n"},
      {Strategy::kAffinity, "algorithm: latency\n"},
  };
  for (const auto& [strategy, line] : algorithms) {
    EXPECT_THAT(rendered(Target::kKong, example_fleet(strategy)), HasSubstr(line));
  }
}

TEST(ExportKong, CanBeToldNotToRepeat) {
  Fleet fleet = example_fleet();
  fleet.max_attempts = 1;
  EXPECT_THAT(rendered(Target::kKong, fleet), HasSubstr("  retries: 0\n"));
}

TEST(ExportKong, SpeaksTlsToNodesThatDo) {
  const std::string text = rendered(Target::kKong, tls_fleet());
  EXPECT_THAT(text, HasSubstr("  protocol: https\n"));
  EXPECT_THAT(text, HasSubstr("  tls_verify: true\n"));
  EXPECT_THAT(text, HasSubstr("      type: https\n"));
  EXPECT_THAT(rendered(Target::kKong, example_fleet()), Not(HasSubstr("https")));
}

} // namespace
} // namespace raglan::exporting
