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

} // namespace
} // namespace raglan::redis
