#include "redis/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/registry.h"

namespace raglan::redis {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

struct Loaded {
  explicit Loaded(const std::string& toml) {
    registry.add("redis", config, "");
    registry.add("redis.breaker", config.breaker, "");
    problems = registry.load({.file_name = "raglan.toml", .toml = toml});
  }
  ClientConfig config;
  config::Registry registry;
  std::vector<config::Problem> problems;
};

TEST(RedisConfig, WithoutAnythingThereIsNoRedis) {
  const Loaded loaded("");
  EXPECT_TRUE(loaded.problems.empty());
  EXPECT_FALSE(loaded.config.enabled());
  EXPECT_EQ(loaded.config.max_connections, 50u);
  EXPECT_EQ(loaded.config.timeout, milliseconds(50));
}

TEST(RedisConfig, TheNotesNamesAreRead) {
  const Loaded loaded(
      "[redis]\nurl = \"redis://cache:6380/1\"\nmax_connections = 7\ntimeout = \"20ms\"\n"
      "max_command = \"500kB\"\nmax_reply = \"1MB\"\n[redis.breaker]\nfailure_threshold = 3\n");
  ASSERT_TRUE(loaded.problems.empty()) << loaded.problems.front().text();
  EXPECT_TRUE(loaded.config.enabled());
  EXPECT_EQ(loaded.config.max_connections, 7u);
  EXPECT_EQ(loaded.config.timeout, milliseconds(20));
  EXPECT_EQ(loaded.config.max_reply_bytes, 1'000'000u);
  EXPECT_EQ(loaded.config.breaker.failure_threshold, 3u);
}

TEST(RedisConfig, WhatIsStoredMustBeReadable) {
  const Loaded loaded("[redis]\nmax_reply = \"1MB\"\n");
  ASSERT_EQ(loaded.problems.size(), 1u);
  EXPECT_THAT(loaded.problems[0].text(), HasSubstr("max_reply must be at least max_command"));
  EXPECT_TRUE(Loaded("[redis]\nmax_command = \"1MB\"\nmax_reply = \"1MB\"\n").problems.empty());
}

TEST(RedisConfig, AWrongUrlIsAProblemThatKeepsTheSecret) {
  for (const auto* url : {"redis+tls://:s3cret@cache", "http://:s3cret@cache", "s3cret"}) {
    const Loaded loaded("[redis]\nurl = \"" + std::string(url) + "\"\n");
    ASSERT_EQ(loaded.problems.size(), 1u) << url;
    EXPECT_THAT(loaded.problems[0].text(), HasSubstr("redis://"));
    EXPECT_THAT(loaded.problems[0].text(), Not(HasSubstr("s3cret")));
  }
}

TEST(RedisConfig, TheUrlIsNeverShown) {
  const Loaded loaded("[redis]\nurl = \"redis://:s3cret@cache\"\n");
  ASSERT_TRUE(loaded.problems.empty());
  EXPECT_THAT(loaded.registry.show(), Not(HasSubstr("s3cret")));
}

TEST(RedisConfig, APrefixHasNoBracesOrOnePairAroundSomething) {
  const auto accepts = [](const std::string& prefix) {
    return Loaded("[redis]\nkey_prefix = \"" + prefix + "\"\n").problems.empty();
  };
  for (const auto* prefix : {"", "raglan:", "a{b}c:", "{raglan}", "a.b-c_d/e:"}) {
    EXPECT_TRUE(accepts(prefix)) << prefix;
  }
  for (const auto* prefix :
       {"a{b", "a}b", "}a{", "{}", "a{}b", "{a}{b}", "{{a}}", "{a}}", "a*", "a b"}) {
    EXPECT_FALSE(accepts(prefix)) << prefix;
  }
  EXPECT_FALSE(accepts(std::string(65, 'a')));
}

} // namespace
} // namespace raglan::redis
