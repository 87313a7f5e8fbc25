// What tests/export does not send traffic through.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "export/example_fleet_test.h"

namespace raglan::exporting {
namespace {

using policy::Strategy;
using testing::HasSubstr;
using testing::Not;

std::string envoy(const Fleet& fleet) { return rendered(Target::kEnvoy, fleet); }

TEST(ExportEnvoy, ChoosesByItsOwnPolicies) {
  const std::pair<Strategy, const char*> policies[] = {
      {Strategy::kRoundRobin, "round_robin.v3.RoundRobin\n"},
      {Strategy::kWeightedRoundRobin, "round_robin.v3.RoundRobin\n"},
      {Strategy::kLeastConnections,
       "least_request.v3.LeastRequest\n            selection_method: FULL_SCAN\n"},
      {Strategy::kIpHash, "ring_hash.v3.RingHash\n"},
      {Strategy::kP2c, "least_request.v3.LeastRequest\n            choice_count: 2\n"},
      {Strategy::kPrequal, "least_request.v3.LeastRequest\n            choice_count: 2\n"},
      {Strategy::kAffinity, "{hash_balance_factor: 125}\n"},
  };
  for (const auto& [strategy, policy] : policies) {
    EXPECT_THAT(envoy(example_fleet(strategy)), HasSubstr(policy));
  }
}

TEST(ExportEnvoy, ComparesNodesOfOneWeightThatHaveStarted) {
  Fleet fleet = example_fleet(Strategy::kLeastConnections);
  fleet.nodes[2].weight = 1;
  EXPECT_THAT(envoy(fleet), HasSubstr("takes turns"));
  fleet.slow_start = {};
  EXPECT_THAT(envoy(fleet), HasSubstr("as Raglan's own balancer has it"));
  fleet.nodes[2].weight = 3;
  EXPECT_THAT(envoy(fleet), HasSubstr("takes turns"));
}

TEST(ExportEnvoy, StartsSlowlyWhereItCan) {
  EXPECT_THAT(envoy(example_fleet()), HasSubstr("slow_start_config: {slow_start_window: 30s}\n"));
  EXPECT_THAT(envoy(example_fleet(Strategy::kIpHash)), Not(HasSubstr("slow_start_config")));
  Fleet fleet = example_fleet();
  fleet.slow_start = {};
  EXPECT_THAT(envoy(fleet), Not(HasSubstr("slow_start_config")));
}

TEST(ExportEnvoy, ChecksWithTheFleetsThresholds) {
  Fleet fleet = example_fleet();
  fleet.health = {.path = "/r",
                  .timeout = std::chrono::seconds(2),
                  .interval = std::chrono::milliseconds(1'500),
                  .failure_threshold = 4,
                  .success_threshold = 2};
  EXPECT_THAT(envoy(fleet), HasSubstr(R"(
    - timeout: 2s
      interval: 1.500s
      no_traffic_interval: 1.500s
      unhealthy_threshold: 4
      healthy_threshold: 2
      http_health_check:
        path: "/r"
)"));
}

TEST(ExportEnvoy, LooksUpNamesOnlyWhereThereAreAny) {
  EXPECT_THAT(envoy(example_fleet()), HasSubstr("type: STRICT_DNS\n"));
  Fleet fleet = example_fleet();
  fleet.nodes.pop_back();
  EXPECT_THAT(envoy(fleet), HasSubstr("type: STATIC\n"));
}

TEST(ExportEnvoy, ChecksCertificatesByName) {
  const std::string text = envoy(tls_fleet());
  EXPECT_THAT(text, HasSubstr("auto_sni_san_validation: true\n"));
  EXPECT_THAT(text, HasSubstr("hostname: \"b.example\"\n"));
}

TEST(ExportEnvoy, CountsABodyInThirtyTwoBits) {
  Fleet fleet = example_fleet();
  fleet.max_body_bytes = std::uint64_t{4} << 30;
  EXPECT_THAT(envoy(fleet), HasSubstr("max_request_bytes: 4294967295\n"));
}

TEST(ExportEnvoy, CanBeToldNotToRepeat) {
  Fleet fleet = example_fleet();
  fleet.max_attempts = 1;
  EXPECT_THAT(envoy(fleet), Not(HasSubstr("retry_policy")));
}

} // namespace
} // namespace raglan::exporting
