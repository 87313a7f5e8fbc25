// What tests/export does not send traffic through.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "export/example_fleet_test.h"

namespace raglan::exporting {
namespace {

using policy::Strategy;
using testing::HasSubstr;
using testing::Not;

std::string nginx(const Fleet& fleet) { return rendered(Target::kNginx, fleet); }

TEST(ExportNginx, ChoosesByItsOwnDirectives) {
  const std::pair<Strategy, const char*> directives[] = {
      {Strategy::kLeastConnections, "\n  least_conn;\n"},
      {Strategy::kIpHash, "\n  hash $binary_remote_addr consistent;\n"},
      {Strategy::kP2c, "\n  random two least_conn;\n"},
      {Strategy::kPrequal, "\n  random two least_conn;\n"},
      {Strategy::kAffinity, "\n  hash $raglan_affinity consistent;\n"},
  };
  for (const auto& [strategy, directive] : directives) {
    EXPECT_THAT(nginx(example_fleet(strategy)), HasSubstr(directive));
    EXPECT_THAT(nginx(example_fleet(Strategy::kWeightedRoundRobin)), Not(HasSubstr(directive)));
  }
}

TEST(ExportNginx, GivesEachNodeItsWeightAndFailures) {
  Fleet fleet = example_fleet(Strategy::kWeightedRoundRobin);
  fleet.health.interval = std::chrono::milliseconds(1'200);
  EXPECT_THAT(nginx(fleet), HasSubstr("  server 10.0.0.1:8080 max_fails=3 fail_timeout=4s;\n"));
  EXPECT_THAT(nginx(fleet),
              HasSubstr("  server node-3:8080 weight=3 max_fails=3 fail_timeout=4s;\n"));
  fleet.strategy = Strategy::kRoundRobin;
  EXPECT_THAT(nginx(fleet), Not(HasSubstr("weight=")));
}

TEST(ExportNginx, SaysThatItChecksPassivelyOnly) {
  EXPECT_THAT(nginx(example_fleet()), HasSubstr("/ready is not asked here"));
}

TEST(ExportNginx, ChecksCertificatesByName) {
  const std::string text = nginx(tls_fleet());
  for (const char* line : {"proxy_pass https://raglan;", "proxy_ssl_verify on;",
                           "proxy_ssl_server_name on;", "proxy_ssl_name a.example;"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  Fleet fleet = tls_fleet();
  fleet.nodes[1].host = "10.0.0.1";
  EXPECT_THAT(nginx(fleet), HasSubstr("Certificates are compared with names"));
}

TEST(ExportNginx, CanBeToldNotToRepeat) {
  Fleet fleet = example_fleet();
  fleet.max_attempts = 1;
  EXPECT_THAT(nginx(fleet), HasSubstr("proxy_next_upstream off;"));
}

} // namespace
} // namespace raglan::exporting
