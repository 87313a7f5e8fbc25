#include "redis/command.h"

#include <gtest/gtest.h>

namespace raglan::redis {
namespace {

std::string wire(const Command& command) {
  std::string bytes;
  command.append_to(bytes);
  return bytes;
}

TEST(RedisCommand, ArgumentsAreBulkStrings) {
  EXPECT_EQ(wire(Command("GET", "key")), "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n");
  EXPECT_EQ(wire(Command("SET", "k", "", "PX", 1500)),
            "*5\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n$2\r\nPX\r\n$4\r\n1500\r\n");
  EXPECT_EQ(wire(Command("INCRBY", "k", -7)), "*3\r\n$6\r\nINCRBY\r\n$1\r\nk\r\n$2\r\n-7\r\n");
}

TEST(RedisCommand, ArgumentsMayHoldAnyByte) {
  const std::string value("a\r\n\0$b", 6);
  EXPECT_EQ(wire(Command("PING", value)), "*2\r\n$4\r\nPING\r\n$6\r\n" + value + "\r\n");
}

TEST(RedisCommand, ArgumentsCanBeAdded) {
  Command mget("MGET");
  for (const auto* key : {"a", "b"}) mget.add(key);
  EXPECT_EQ(wire(mget), "*3\r\n$4\r\nMGET\r\n$1\r\na\r\n$1\r\nb\r\n");
}

TEST(RedisCommand, WhatWouldDisturbOthersIsNotShareable) {
  for (const auto* name : {"SELECT", "multi", "Exec", "WATCH", "AUTH", "hello", "SUBSCRIBE",
                           "BLPOP", "ASKING", "MONITOR", "client", "WAIT", "WAITAOF"}) {
    EXPECT_FALSE(Command(name).shareable()) << name;
  }
  for (const auto* name : {"GET", "SET", "EVALSHA", "PUBLISH", "PING", "XREAD", "WAI", "WATCHED",
                           "A.MODULES.VERY.LONG.COMMAND", ""}) {
    EXPECT_TRUE(Command(name).shareable()) << name;
  }
}

TEST(RedisCommand, TheKeyIsTheFirstArgumentOfMost) {
  EXPECT_EQ(Command("GET", "k").key(), "k");
  EXPECT_EQ(Command("set", "k", "value", "PX", 5).key(), "k");
  EXPECT_EQ(Command("UNLINK", "a", "b").key(), "a");
  EXPECT_EQ(Command("GET", "").key(), "");
  EXPECT_EQ(Command("GET", std::string_view("\r\n\0", 3)).key(), std::string_view("\r\n\0", 3));
  EXPECT_EQ(Command("SPUBLISH", "channel", "text").key(), "channel");
  EXPECT_EQ(Command("PUBLISH", "channel", "text").key(), "channel") << "where it is heard";
}

TEST(RedisCommand, AScriptsKeyStandsBehindTheirNumber) {
  EXPECT_EQ(Command("EVALSHA", "sha", 1, "k", "argument").key(), "k");
  EXPECT_EQ(Command("eval", "return 1", 2, "a", "b").key(), "a");
  EXPECT_EQ(Command("EVAL", "return 1", 0, "argument").key(), std::nullopt);
  EXPECT_EQ(Command("EVAL", "return 1", 1).key(), std::nullopt) << "it is missing";
  EXPECT_EQ(Command("ZUNION", 2, "a", "b").key(), "a");
}

TEST(RedisCommand, SomeHaveItElsewhere) {
  EXPECT_EQ(Command("OBJECT", "ENCODING", "k").key(), "k");
  EXPECT_EQ(Command("XREAD", "COUNT", 2, "streams", "a", "b", 0, 0).key(), "a");
}

TEST(RedisCommand, SomeHaveNone) {
  EXPECT_EQ(Command("PING").key(), std::nullopt);
  EXPECT_EQ(Command("GET").key(), std::nullopt);
  EXPECT_EQ(Command("SCAN", 0, "MATCH", "*").key(), std::nullopt);
  EXPECT_EQ(Command("SCRIPT", "FLUSH").key(), std::nullopt);
}

} // namespace
} // namespace raglan::redis
