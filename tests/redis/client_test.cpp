// The client on a server that is well: commands, pipelines, logins, the pool's bound.
#include "redis/client.h"

#include "client_fixture.h"
#include "real_server.h"

namespace raglan::redis {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST_F(RedisTest, CommandsAreAnsweredOnEveryLoop) {
  RealServer server;
  connect(patient(server.url()));
  for (const std::size_t loop : {0, 1}) {
    EXPECT_TRUE(run(Command("SET", "key", "value"), loop)->is_ok());
    EXPECT_EQ(get("key", loop), "value");
    EXPECT_EQ(get("other", loop), "(nil)");
  }
  EXPECT_EQ(run(Command("INCRBY", "count", 5))->integer, 5);
  const auto stats = client().stats();
  EXPECT_EQ(stats.opened, 2u) << "one connection for each loop";
  EXPECT_EQ(stats.idle, 2u);
  EXPECT_EQ(stats.commands, 7u);
  EXPECT_EQ(stats.breaker.state, policy::BreakerState::kClosed);
}

TEST_F(RedisTest, ValuesMayHoldAnyByteAndBeLarge) {
  RealServer server;
  connect(patient(server.url()));
  std::string value(5'000'000, '\0');
  for (std::size_t i = 0; i < value.size(); ++i) value[i] = static_cast<char>(i * 7919);
  ASSERT_TRUE(run(Command("SET", std::string_view("k\0\r\n", 4), value)).has_value());
  const auto reply = run(Command("GET", std::string_view("k\0\r\n", 4)));
  ASSERT_TRUE(reply.has_value());
  EXPECT_TRUE(reply->string() == value);
}

TEST_F(RedisTest, APipelineIsAnsweredInOrder) {
  RealServer server;
  connect(patient(server.url()));
  std::vector<Command> commands;
  commands.emplace_back("SET", "key", "value");
  commands.emplace_back("LPUSH", "key", "x");
  commands.emplace_back("GET", "key");
  const auto replies = start(client().pipeline(std::move(commands), {})).get();
  ASSERT_TRUE(replies.has_value());
  ASSERT_EQ(replies->size(), 3u);
  EXPECT_TRUE((*replies)[0].is_ok());
  EXPECT_EQ((*replies)[1].error_word(), "WRONGTYPE");
  EXPECT_EQ((*replies)[2].string(), "value");
  EXPECT_TRUE(start(client().pipeline({}, {})).get()->empty());
  EXPECT_EQ(client().stats().opened, 1u);
}

TEST_F(RedisTest, APipelineMayBeLongerThanWhatConnectionsShare) {
  RealServer server;
  auto config = patient(server.url());
  config.max_pipelined = 4;
  connect(config);
  std::vector<Command> commands;
  for (int i = 0; i < 1000; ++i) commands.emplace_back("INCR", "n");
  const auto replies = start(client().pipeline(std::move(commands), {})).get();
  ASSERT_TRUE(replies.has_value());
  EXPECT_EQ(replies->back().integer, 1000);
}

TEST_F(RedisTest, ConcurrentCommandsShareConnectionsAndGetTheirOwnReplies) {
  RealServer server;
  connect(patient(server.url()));
  std::vector<net::Running<Reply>> running;
  for (int i = 0; i < 2000; ++i) {
    running.push_back(begin(Command("ECHO", std::to_string(i)), static_cast<std::size_t>(i % 2)));
  }
  for (int i = 0; i < 2000; ++i) {
    EXPECT_EQ(running[static_cast<std::size_t>(i)].get()->string(), std::to_string(i));
  }
  EXPECT_LE(client().stats().opened, 50u);
}

TEST_F(RedisTest, AnErrorReplyIsAnErrorWithoutTheServersText) {
  RealServer server;
  connect(patient(server.url()));
  run(Command("SET", "quizzacious", "value"));
  const auto reply = run(Command("LPUSH", "quizzacious", "x"));
  ASSERT_EQ(code_of(reply), ErrorCode::kUpstream);
  EXPECT_THAT(reply.error().message, HasSubstr("WRONGTYPE"));
  const auto unknown = run(Command("QUIZZACIOUS"));
  ASSERT_EQ(code_of(unknown), ErrorCode::kUpstream);
  EXPECT_THAT(unknown.error().message, Not(HasSubstr("QUIZZACIOUS")));
  EXPECT_EQ(client().stats().refused_replies, 2u);
}

TEST_F(RedisTest, ErrorRepliesDoNotOpenTheBreaker) {
  RealServer server;
  connect(patient(server.url()));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(code_of(run(Command("NONSENSE"))), ErrorCode::kUpstream);
  EXPECT_EQ(client().stats().breaker.state, policy::BreakerState::kClosed);
  EXPECT_EQ(client().stats().opened, 1u);
}

TEST_F(RedisTest, WhatMustNotBeSharedOrIsTooLargeIsRefused) {
  RealServer server;
  auto config = patient(server.url());
  config.max_command_bytes = 1024;
  connect(config);
  EXPECT_EQ(code_of(run(Command("SELECT", 1))), ErrorCode::kMalformedRequest);
  EXPECT_EQ(code_of(run(Command("SET", "k", std::string(2000, 'x')))), ErrorCode::kTooLarge);
  std::vector<Command> commands;
  for (int i = 0; i < 100; ++i) commands.emplace_back("SET", "k", std::string(20, 'x'));
  EXPECT_EQ(start(client().pipeline(commands, {})).error(), ErrorCode::kTooLarge);
  commands.resize(1, Command("MULTI"));
  commands[0] = Command("MULTI");
  EXPECT_EQ(start(client().pipeline(commands, {})).error(), ErrorCode::kMalformedRequest);
  EXPECT_EQ(client().stats().opened, 0u);
}

TEST_F(RedisTest, TheDatabaseAndTheNameAreSetOnConnecting) {
  RealServer server;
  connect(patient(server.url() + "?db=3"));
  run(Command("SET", "key", "three"));
  client_.reset();
  connect(patient(server.url()));
  EXPECT_EQ(get("key"), "(nil)");
  EXPECT_TRUE(run(Command("EVAL", "redis.call('SELECT', 3) return redis.call('GET', 'key')", 0))
                  ->string() == "three");
}

TEST_F(RedisTest, APasswordLogsIn) {
  RealServer server({"--requirepass", "s3cret"});
  connect(patient(server.url(":s3cret")));
  EXPECT_TRUE(run(Command("PING")).has_value());
}

TEST_F(RedisTest, AUserAndAPasswordLogIn) {
  RealServer server({"--user", "anna", "on", ">s3cret", "~*", "+@all"});
  connect(patient(server.url("anna:s3cret")));
  EXPECT_EQ(run(Command("ACL", "WHOAMI"))->string(), "anna");
}

TEST_F(RedisTest, AWrongPasswordIsUnavailableAndNotRepeated) {
  RealServer server({"--requirepass", "s3cret"});
  connect(patient(server.url(":quizzacious")));
  const auto reply = run(Command("PING"));
  ASSERT_EQ(code_of(reply), ErrorCode::kUnavailable);
  EXPECT_THAT(reply.error().message, HasSubstr("WRONGPASS"));
  EXPECT_THAT(reply.error().message, Not(HasSubstr("quizzacious")));
  EXPECT_EQ(client().stats().connecting + client().stats().idle, 0u);
}

TEST_F(RedisTest, AMissingPasswordIsUnavailable) {
  RealServer server({"--requirepass", "s3cret"});
  connect(patient(server.url()));
  const auto reply = run(Command("PING"));
  ASSERT_EQ(code_of(reply), ErrorCode::kUnavailable);
  EXPECT_THAT(reply.error().message, HasSubstr("NOAUTH"));
}

} // namespace
} // namespace raglan::redis
