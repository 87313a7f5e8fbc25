#include "redis/redirect.h"

#include <gtest/gtest.h>

namespace raglan::redis {
namespace {

std::optional<Redirect> read(std::string text) {
  Reply reply;
  reply.kind = Reply::Kind::kError;
  reply.text = std::move(text);
  return parse_redirect(reply, "asked");
}

TEST(RedisRedirect, MovedAndAskNameTheSlotAndTheServer) {
  const auto moved = read("MOVED 3999 127.0.0.1:6381");
  ASSERT_TRUE(moved.has_value());
  EXPECT_EQ(moved->kind, Redirect::Kind::kMoved);
  EXPECT_EQ(moved->slot, 3999);
  EXPECT_EQ(moved->host, "127.0.0.1");
  EXPECT_EQ(moved->port, 6381);
  const auto ask = read("ASK 16383 cache-2.internal:65535");
  ASSERT_TRUE(ask.has_value());
  EXPECT_EQ(ask->kind, Redirect::Kind::kAsk);
  EXPECT_EQ(ask->slot, 16383);
  EXPECT_EQ(ask->host, "cache-2.internal");
  EXPECT_EQ(ask->port, 65535);
}

TEST(RedisRedirect, TheLastColonEndsAnIpv6Address) {
  const auto moved = read("MOVED 0 2001:db8::1:6379");
  ASSERT_TRUE(moved.has_value());
  EXPECT_EQ(moved->host, "2001:db8::1");
  EXPECT_EQ(moved->port, 6379);
}

TEST(RedisRedirect, NoHostIsTheOneThatWasAsked) { EXPECT_EQ(read("MOVED 1 :6379")->host, "asked"); }

TEST(RedisRedirect, TryAgainHasNoPlace) {
  EXPECT_EQ(read("TRYAGAIN Multiple keys request during rehashing of slot")->kind,
            Redirect::Kind::kTryAgain);
}

TEST(RedisRedirect, WhatSaysNowhereToGoIsNone) {
  for (const auto* text :
       {"MOVED", "MOVED ", "MOVED 1", "MOVED 1 ", "MOVED 1 host", "MOVED 1 host:", "MOVED 1 host:0",
        "MOVED 1 host:65536", "MOVED 16384 host:1", "MOVED -1 host:1", "MOVED x host:1",
        "MOVED 1 ?:6379", "MOVEDX 1 host:1", "ERR MOVED 1 host:1", "CLUSTERDOWN Hash slot", ""}) {
    EXPECT_FALSE(read(text).has_value()) << text;
  }
  Reply status;
  status.kind = Reply::Kind::kStatus;
  status.text = "MOVED 3999 127.0.0.1:6381";
  EXPECT_FALSE(parse_redirect(status, "asked").has_value()) << "no error";
}

} // namespace
} // namespace raglan::redis
