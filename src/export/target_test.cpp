#include "export/target.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "export/example_fleet_test.h"

namespace raglan::exporting {
namespace {

using policy::Strategy;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

TEST(ExportTarget, HasANameThatFindsIt) {
  EXPECT_EQ(targets().size(), 9u);
  for (const auto& named : targets()) {
    EXPECT_EQ(target_name(named.target), named.name);
    EXPECT_EQ(target_from_name(named.name), named.target);
  }
  EXPECT_EQ(target_from_name("apache"), std::nullopt);
}

TEST(ExportTarget, RendersEveryStrategyAndNamesIt) {
  for (const auto& named : targets()) {
    for (const Strategy strategy : kStrategies) {
      const std::string text = rendered(named.target, example_fleet(strategy));
      EXPECT_THAT(text, HasSubstr(fmt::format("Strategy {}", policy::strategy_name(strategy))));
      EXPECT_THAT(text, EndsWith("\n"));
      EXPECT_THAT(text, Not(HasSubstr(" \n"))) << named.name;
      EXPECT_THAT(text, Not(HasSubstr("\n\n\n"))) << named.name;
    }
  }
}

// One row for each target, one letter for each strategy: "=" the same, "-" not the same.
TEST(ExportTarget, SaysWhereAStrategyIsNotRaglansOwn) {
  // round_robin, least_connections, ip_hash, weighted_round_robin, p2c, prequal, affinity
  const std::pair<Target, std::string> rows[] = {
      {Target::kNginx, "=====--"},   {Target::kHaproxy, "====---"}, {Target::kEnvoy, "=--=---"},
      {Target::kTraefik, "=-==---"}, {Target::kKong, "=-==---"},    {Target::kAwsAlb, "==-----"},
      {Target::kGcp, "=-=-=--"},     {Target::kRender, "=------"},  {Target::kRailway, "-------"},
  };
  for (const auto& [target, row] : rows) {
    std::string found;
    for (const Strategy strategy : kStrategies) {
      const std::string text = rendered(target, example_fleet(strategy));
      found += text.contains(", not the same: ") ? '-' : '=';
    }
    EXPECT_EQ(found, row) << target_name(target);
  }
}

TEST(ExportTarget, RefusesAHostThatWouldBeADirective) {
  for (const auto& named : targets()) {
    Fleet fleet = example_fleet();
    fleet.nodes[0].host = "a; } server { listen 1;";
    const auto text = render(named.target, fleet);
    ASSERT_FALSE(text) << named.name;
    EXPECT_EQ(text.error().code, ErrorCode::kInvalidField);
    EXPECT_EQ(text.error().param, "/nodes/0/host");
  }
}

TEST(ExportTarget, NamesEveryNodeOrCountsThem) {
  for (const auto& named : targets()) {
    const std::string text = rendered(named.target, example_fleet());
    EXPECT_THAT(text, HasSubstr("Raglan: 3 nodes"));
    EXPECT_THAT(text, HasSubstr("/ready"));
    if (named.target == Target::kRender) {
      EXPECT_THAT(text, HasSubstr("numInstances: 3\n"));
    } else if (named.target == Target::kRailway) {
      EXPECT_THAT(text, HasSubstr("numReplicas = 3\n"));
    } else {
      for (const char* host : {"10.0.0.1", "10.0.0.2", "node-3"})
        EXPECT_THAT(text, HasSubstr(host));
    }
  }
}

} // namespace
} // namespace raglan::exporting
