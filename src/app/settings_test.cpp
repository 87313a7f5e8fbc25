#include "app/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace raglan::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Settings, DefaultsAreValid) {
  Settings settings;
  EXPECT_THAT(settings.load({"/dev/null", {}}), IsEmpty());
}

TEST(Settings, AFlagWinsOverTheDefault) {
  Settings settings;
  EXPECT_THAT(settings.load({"/dev/null", {{"server.listen", "[::1]:0", "--listen"}}}), IsEmpty());
  EXPECT_EQ(settings.serving.listen, "[::1]:0");
}

TEST(Settings, WhatCannotBeListenedOnIsRefused) {
  Settings settings;
  EXPECT_THAT(settings.load({"/dev/null", {{"server.listen", "8080", "--listen"}}}),
              ElementsAre(HasSubstr("HOST:PORT")));
}

TEST(Settings, WhatContradictsAnotherSectionIsRefused) {
  const auto problems = [](std::vector<config::Override> overrides) {
    return Settings().load({"/dev/null", std::move(overrides)});
  };
  const config::Override redis{"redis.url", "redis://localhost", "--set"};
  const config::Override requires_redis{"readiness.require", "redis", "--set"};
  EXPECT_THAT(problems({requires_redis}), ElementsAre(HasSubstr("redis.url is empty")));
  EXPECT_THAT(problems({requires_redis, redis}), IsEmpty());
  const config::Override requires_model{"readiness.require", "generator", "--set"};
  EXPECT_THAT(problems({requires_model}), ElementsAre(HasSubstr("generation.provider")));
  EXPECT_THAT(problems({{"readiness.require", "sqlite", "--set"}}),
              ElementsAre(HasSubstr("store, embedder, redis or generator")));
}

TEST(Settings, AConfigurationFileThatIsNotThereIsAProblem) {
  Settings settings;
  EXPECT_THAT(settings.load({"/no/such/raglan.toml", {}}),
              ElementsAre(HasSubstr("/no/such/raglan.toml")));
}

} // namespace
} // namespace raglan::app
