#include "redis/deployment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace raglan::redis {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::vector<std::string> names(const Deployment& deployment) {
  std::vector<std::string> names;
  for (const Address& address : deployment.addresses) names.push_back(address.name());
  return names;
}

TEST(RedisDeployment, AServersUrlIsAStandaloneServer) {
  const auto deployment = parse_deployment("rediss://anna:secret@host:7000/3");
  ASSERT_TRUE(deployment.has_value());
  EXPECT_EQ(deployment->mode, Mode::kStandalone);
  EXPECT_THAT(names(*deployment), ElementsAre("host:7000"));
  EXPECT_TRUE(deployment->tls());
  EXPECT_EQ(deployment->server.database, 3u);
  EXPECT_EQ(parse_deployment("unix:///run/redis.sock")->addresses[0].socket_path,
            "/run/redis.sock");
}

TEST(RedisDeployment, SentinelsAndTheMastersName) {
  const auto deployment =
      parse_deployment("redis+sentinel://anna:p%40ss@one,two:7000,[::1],[::2]:7001/mymaster/2");
  ASSERT_TRUE(deployment.has_value());
  EXPECT_EQ(deployment->mode, Mode::kSentinel);
  EXPECT_THAT(names(*deployment),
              ElementsAre("one:26379", "two:7000", "[::1]:26379", "[::2]:7001"));
  EXPECT_EQ(deployment->master, "mymaster");
  EXPECT_EQ(deployment->server.user, "anna");
  EXPECT_EQ(deployment->server.password.reveal(), "p@ss");
  EXPECT_EQ(deployment->server.database, 2u);
  EXPECT_FALSE(deployment->tls());
  for (const Address& sentinel : deployment->addresses) {
    EXPECT_TRUE(sentinel.password.empty()) << "the login is the servers'";
    EXPECT_EQ(sentinel.database, 0u);
  }
}

TEST(RedisDeployment, TheDatabaseMayBeLeftOut) {
  for (const auto* url : {"redis+sentinel://one/mymaster", "redis+sentinel://one/mymaster/",
                          "redis+sentinel://one/mymaster/0"}) {
    EXPECT_EQ(parse_deployment(url)->server.database, 0u) << url;
    EXPECT_EQ(parse_deployment(url)->master, "mymaster") << url;
  }
}

TEST(RedisDeployment, SomeServersOfACluster) {
  const auto deployment = parse_deployment("redis+cluster://:secret@one:7000,two,[::1]:7002");
  ASSERT_TRUE(deployment.has_value());
  EXPECT_EQ(deployment->mode, Mode::kCluster);
  EXPECT_THAT(names(*deployment), ElementsAre("one:7000", "two:6379", "[::1]:7002"));
  for (const Address& server : deployment->addresses) {
    EXPECT_EQ(server.password.reveal(), "secret");
  }
  EXPECT_EQ(parse_deployment("redis+cluster://one/0")->addresses.size(), 1u);
  EXPECT_EQ(parse_deployment("redis+cluster://one/")->addresses.size(), 1u);
}

TEST(RedisDeployment, TlsIsForSentinelsAndServersAlike) {
  const auto sentinel = parse_deployment("rediss+sentinel://one,two/mymaster");
  ASSERT_TRUE(sentinel.has_value());
  EXPECT_TRUE(sentinel->tls());
  EXPECT_TRUE(sentinel->addresses[1].tls);
  const auto cluster = parse_deployment("rediss+cluster://one,two");
  ASSERT_TRUE(cluster.has_value());
  EXPECT_TRUE(cluster->tls());
  EXPECT_TRUE(cluster->addresses[1].tls);
}

TEST(RedisDeployment, SoManyHostsAndNoMore) {
  std::string url = "redis+cluster://h";
  for (std::size_t i = 1; i < Deployment::kMaxHosts; ++i) url += ",h";
  EXPECT_TRUE(parse_deployment(url).has_value());
  EXPECT_FALSE(parse_deployment(url + ",h").has_value());
}

TEST(RedisDeployment, WhatIsWrongIsSaidWithoutTheSecret) {
  for (const auto* url :
       {"redis+sentinel://", "redis+sentinel://s3cret@host", "redis+sentinel://s3cret@host/",
        "redis+sentinel://s3cret@host//1", "redis+sentinel:///mymaster",
        "redis+sentinel://s3cret@host,/mymaster", "redis+sentinel://s3cret@,host/mymaster",
        "redis+sentinel://s3cret@host:0/mymaster", "redis+sentinel://s3cret@host/mymaster/x",
        "redis+sentinel://s3cret@host/my master", "redis+sentinel://s3cret@host/mymaster/1/2",
        "redis+cluster://", "redis+cluster://s3cret@", "redis+cluster://s3cret@host/1",
        "redis+cluster://s3cret@host,,host", "redis+cluster://@host", "redis-cluster://host",
        "redis+cluster://s3cret%zz@host"}) {
    const auto deployment = parse_deployment(url);
    ASSERT_FALSE(deployment.has_value()) << url;
    EXPECT_EQ(deployment.error().code, ErrorCode::kMalformedRequest);
    EXPECT_THAT(deployment.error().message, Not(HasSubstr("s3cret"))) << url;
  }
}

} // namespace
} // namespace raglan::redis
