// What tests/export does not send traffic through.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "export/example_fleet_test.h"

namespace raglan::exporting {
namespace {

using policy::Strategy;
using testing::HasSubstr;
using testing::Not;

std::string haproxy(const Fleet& fleet) { return rendered(Target::kHaproxy, fleet); }

TEST(ExportHaproxy, ChoosesByItsOwnDirectives) {
  const std::pair<Strategy, const char*> directives[] = {
      {Strategy::kRoundRobin, "\n  balance roundrobin\n"},
      {Strategy::kWeightedRoundRobin, "\n  balance roundrobin\n"},
      {Strategy::kLeastConnections, "\n  balance leastconn\n"},
      {Strategy::kIpHash, "\n  balance source\n  hash-type consistent\n"},
      {Strategy::kP2c, "\n  balance random(2)\n"},
      {Strategy::kPrequal, "\n  balance random(2)\n"},
      {Strategy::kAffinity, "\n  balance hash var(txn.affinity)\n"},
  };
  for (const auto& [strategy, directive] : directives) {
    EXPECT_THAT(haproxy(example_fleet(strategy)), HasSubstr(directive));
  }
}

TEST(ExportHaproxy, BoundsTheLoadOfAffinity) {
  EXPECT_THAT(haproxy(example_fleet(Strategy::kAffinity)), HasSubstr("hash-balance-factor 125\n"));
}

TEST(ExportHaproxy, ChecksWithTheFleetsThresholds) {
  Fleet fleet = example_fleet(Strategy::kWeightedRoundRobin);
  fleet.health = {.path = "/r",
                  .timeout = std::chrono::seconds(2),
                  .interval = std::chrono::milliseconds(1'500),
                  .failure_threshold = 4,
                  .success_threshold = 2};
  const std::string text = haproxy(fleet);
  EXPECT_THAT(text, HasSubstr("http-check send meth GET uri /r ver HTTP/1.1"));
  EXPECT_THAT(text, HasSubstr("timeout check 2s\n"));
  EXPECT_THAT(text, HasSubstr("check inter 1500ms fall 4 rise 2 "));
  EXPECT_THAT(text, HasSubstr("  server node3 node-3:8080 weight 3\n"));
}

TEST(ExportHaproxy, StartsSlowlyUnlessToldOtherwise) {
  EXPECT_THAT(haproxy(example_fleet()), HasSubstr(" slowstart 30s"));
  Fleet fleet = example_fleet();
  fleet.slow_start = {};
  EXPECT_THAT(haproxy(fleet), Not(HasSubstr("slowstart")));
}

TEST(ExportHaproxy, ResolvesNamesAgainOnlyWhereThereAreAny) {
  EXPECT_THAT(haproxy(example_fleet()), HasSubstr("resolvers raglan\n  parse-resolv-conf\n"));
  Fleet fleet = example_fleet();
  fleet.nodes.pop_back();
  EXPECT_THAT(haproxy(fleet), Not(HasSubstr("resolvers")));
}

TEST(ExportHaproxy, ChecksCertificatesByName) {
  const std::string text = haproxy(tls_fleet());
  EXPECT_THAT(text, HasSubstr(" ssl verify required ca-file @system-ca\n"));
  EXPECT_THAT(text, HasSubstr("node2 b.example:443 sni str(b.example) check-sni b.example\n"));
  Fleet fleet = tls_fleet();
  fleet.nodes[0].host = "10.0.0.1";
  EXPECT_THAT(haproxy(fleet), HasSubstr("node1 10.0.0.1:443 verifyhost 10.0.0.1\n"));
}

TEST(ExportHaproxy, CanBeToldNotToRepeat) {
  Fleet fleet = example_fleet();
  fleet.max_attempts = 1;
  EXPECT_THAT(haproxy(fleet), HasSubstr("  retries 0\n"));
  EXPECT_THAT(haproxy(fleet), Not(HasSubstr("retry-on")));
}

} // namespace
} // namespace raglan::exporting
