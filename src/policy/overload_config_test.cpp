// The settings of the policies against overload: their tables, their defaults, their rules.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/registry.h"
#include "policy/admission.h"
#include "policy/concurrency_limit.h"
#include "policy/degradation.h"
#include "policy/pacer.h"
#include "policy/rate_limit.h"

namespace raglan::policy {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

struct Settings {
  DegradationConfig degradation;
  ConcurrencyLimitConfig limit;
  AdmissionConfig admission;
  PacerConfig pacer;
  RateLimitConfig free;

  std::vector<config::Problem> load(const std::string& toml) {
    config::Registry registry;
    registry.add("degradation", degradation, "the ladder");
    registry.add("concurrency", limit, "the limit");
    registry.add("admission", admission, "the wait before it");
    registry.add("generation.quota", pacer, "the provider's quota");
    registry.add("limits.free", free, "of each tenant of the free tier");
    return registry.load({.file_name = "raglan.toml", .toml = toml});
  }
};

TEST(OverloadConfig, TheDefaultsAreAllowed) { EXPECT_TRUE(Settings().load("").empty()); }

TEST(OverloadConfig, IsReadFromAFile) {
  Settings settings;
  const auto problems = settings.load(R"(
[degradation]
mode = "manual"
level = 2
reduced_top_k = 2
[admission]
target = "300ms"
free_share = "10%"
[generation.quota]
tokens_per_minute = 150000
[limits.free]
requests_per_minute = 60
)");
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(settings.degradation.mode, DegradationMode::kManual);
  EXPECT_EQ(settings.degradation.level, 2);
  EXPECT_EQ(settings.admission.target, 300ms);
  EXPECT_EQ(settings.admission.free_share, 0.1);
  EXPECT_EQ(settings.pacer.tokens_per_minute, 150'000);
  EXPECT_EQ(rate_limits(settings.free).requests.size, 60);
}

TEST(OverloadConfig, WhatContradictsItselfIsRefused) {
  const auto problem = [](const std::string& toml) {
    const auto problems = Settings().load(toml);
    return problems.size() == 1 ? problems[0].message : std::to_string(problems.size());
  };
  EXPECT_THAT(problem("[degradation]\nlower_below = \"200ms\""),
              HasSubstr("less than raise_above"));
  EXPECT_THAT(problem("[degradation]\nlevel = 6"), HasSubstr("0 to 5"));
  EXPECT_THAT(problem("[concurrency]\nmin_limit = 30"), HasSubstr("must hold"));
  EXPECT_THAT(problem("[admission]\npaid_share = \"45%\""), HasSubstr("50 % together"));
  EXPECT_THAT(problem("[admission]\nmin_retry_after = \"1m\""), HasSubstr("max_retry_after"));
}

} // namespace
} // namespace raglan::policy
