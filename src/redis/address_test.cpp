#include "redis/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace raglan::redis {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(RedisAddress, TheParts) {
  const auto address = parse_address("redis://anna:p%40ss%2fword@cache.internal:7000/3");
  ASSERT_TRUE(address.has_value());
  EXPECT_EQ(address->host, "cache.internal");
  EXPECT_EQ(address->port, 7000);
  EXPECT_EQ(address->user, "anna");
  EXPECT_EQ(address->password.reveal(), "p@ss/word");
  EXPECT_EQ(address->database, 3u);
  EXPECT_EQ(address->name(), "cache.internal:7000");
}

TEST(RedisAddress, TheSchemeSaysWhetherItIsTls) {
  const auto address = parse_address("rediss://:secret@host:7001/1");
  ASSERT_TRUE(address.has_value());
  EXPECT_TRUE(address->tls);
  EXPECT_EQ(address->name(), "host:7001");
  EXPECT_FALSE(parse_address("redis://host")->tls);
}

TEST(RedisAddress, WhatIsLeftOutHasItsDefault) {
  for (const auto* url : {"redis://localhost", "redis://localhost/", "redis://localhost:6379/0"}) {
    const auto address = parse_address(url);
    ASSERT_TRUE(address.has_value()) << url;
    EXPECT_EQ(address->host, "localhost");
    EXPECT_EQ(address->port, 6379);
    EXPECT_TRUE(address->user.empty());
    EXPECT_TRUE(address->password.empty());
    EXPECT_EQ(address->database, 0u);
  }
}

TEST(RedisAddress, APasswordNeedsNoUser) {
  for (const auto* url : {"redis://:secret@host", "redis://secret@host"}) {
    const auto address = parse_address(url);
    ASSERT_TRUE(address.has_value()) << url;
    EXPECT_TRUE(address->user.empty());
    EXPECT_EQ(address->password.reveal(), "secret");
    EXPECT_EQ(address->host, "host");
  }
}

TEST(RedisAddress, AnIpv6AddressStandsInBrackets) {
  const auto address = parse_address("redis://[::1]:7001/1");
  ASSERT_TRUE(address.has_value());
  EXPECT_EQ(address->host, "::1");
  EXPECT_EQ(address->port, 7001);
  EXPECT_EQ(address->name(), "[::1]:7001");
  EXPECT_EQ(parse_address("redis://[::1]")->port, 6379);
}

TEST(RedisAddress, AUnixSocketHasAPath) {
  const auto address = parse_address("unix://anna:secret@/run/redis.sock?db=2");
  ASSERT_TRUE(address.has_value());
  EXPECT_EQ(address->socket_path, "/run/redis.sock");
  EXPECT_EQ(address->user, "anna");
  EXPECT_EQ(address->password.reveal(), "secret");
  EXPECT_EQ(address->database, 2u);
  EXPECT_EQ(address->name(), "a unix socket");
  EXPECT_EQ(parse_address("unix:///tmp/a@b.sock")->socket_path, "/tmp/a@b.sock");
}

TEST(RedisAddress, WhatIsWrongIsSaidWithoutTheSecret) {
  for (const auto* url : {"",
                          "localhost",
                          "http://s3cret@host",
                          "redis://",
                          "redis://:s3cret@",
                          "redis://@host",
                          "redis://s3cret:@host",
                          "redis://s3cret@host:0",
                          "redis://s3cret@host:99999",
                          "redis://s3cret@host:x",
                          "redis://s3cret@host/x",
                          "redis://s3cret@host/-1",
                          "redis://s3cret%zz@host",
                          "redis://s3cret@[::1",
                          "redis://s3cret@[::1]x",
                          "redis://s3cret@ho st",
                          "redis://s3cret@host/1/2",
                          "unix://",
                          "unix://s3cret@",
                          "unix:///p?db=x",
                          "unix:///p?d=1"}) {
    const auto address = parse_address(url);
    ASSERT_FALSE(address.has_value()) << url;
    EXPECT_EQ(address.error().code, ErrorCode::kMalformedRequest);
    EXPECT_THAT(address.error().message, Not(HasSubstr("s3cret"))) << url;
  }
  EXPECT_FALSE(parse_address("unix:///" + std::string(107, 'x')).has_value());
}

} // namespace
} // namespace raglan::redis
