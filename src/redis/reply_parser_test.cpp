#include "redis/reply_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"

namespace raglan::redis {
namespace {

using Kind = Reply::Kind;
using testing::HasSubstr;

// All whole replies of `bytes`, fed in pieces of that size; the error's message at the end.
struct Parsed {
  Replies replies;
  std::string error;
};

Parsed parse(std::string_view bytes, std::size_t piece_bytes, std::size_t max_reply_bytes = 1000) {
  ReplyParser parser(max_reply_bytes);
  Parsed parsed;
  while (!bytes.empty()) {
    const auto piece = bytes.substr(0, piece_bytes);
    bytes.remove_prefix(piece.size());
    if (auto fed = parser.feed(piece); !fed) return {parsed.replies, fed.error().message};
    while (true) {
      auto reply = parser.next();
      if (!reply) return {parsed.replies, reply.error().message};
      if (!*reply) break;
      parsed.replies.push_back(std::move(**reply));
    }
  }
  return parsed;
}

TEST(RedisReplyParser, EveryKindInPiecesOfEverySize) {
  const std::string bytes =
      "+OK\r\n:-42\r\n$5\r\nhe\r\no\r\n$-1\r\n-WRONGTYPE of key x\r\n$0\r\n\r\n*-1\r\n*0\r\n"
      "*3\r\n$1\r\na\r\n*2\r\n:1\r\n$-1\r\n-ERR no\r\n";
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    const auto parsed = parse(bytes, piece);
    ASSERT_EQ(parsed.error, "");
    const auto& replies = parsed.replies;
    ASSERT_EQ(replies.size(), 9u) << piece;
    EXPECT_TRUE(replies[0].is_ok());
    EXPECT_EQ(replies[1].kind, Kind::kInteger);
    EXPECT_EQ(replies[1].integer, -42);
    EXPECT_EQ(replies[2].string(), "he\r\no");
    EXPECT_TRUE(replies[3].is_nil());
    EXPECT_EQ(replies[4].error_word(), "WRONGTYPE");
    EXPECT_EQ(replies[5].string(), "");
    EXPECT_TRUE(replies[6].is_nil());
    EXPECT_EQ(replies[7].kind, Kind::kArray);
    EXPECT_TRUE(replies[7].elements.empty());
    ASSERT_EQ(replies[8].elements.size(), 3u);
    EXPECT_EQ(replies[8].elements[0].string(), "a");
    ASSERT_EQ(replies[8].elements[1].elements.size(), 2u);
    EXPECT_EQ(replies[8].elements[1].elements[0].integer, 1);
    EXPECT_TRUE(replies[8].elements[1].elements[1].is_nil());
    EXPECT_TRUE(replies[8].elements[2].is_error());
  }
}

TEST(RedisReplyParser, AnErrorsTextIsNoString) {
  const auto parsed = parse("-ERR x\r\n+OK\r\n", 100);
  EXPECT_EQ(parsed.replies[0].string(), std::nullopt);
  EXPECT_EQ(parsed.replies[1].string(), std::nullopt);
  EXPECT_EQ(parsed.replies[1].error_word(), "");
}

TEST(RedisReplyParser, NonsenseIsAnError) {
  for (const std::string_view bytes :
       {"HTTP/1.1 200 OK\r\n", "?\r\n", "\r\n\r\n", "$abc\r\n", "*x\r\n", "%2\r\n", "$-2\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"}) {
    EXPECT_THAT(parse(bytes, 1000).error, HasSubstr("not RESP")) << bytes;
  }
}

TEST(RedisReplyParser, AReplyOfExactlyTheLimitIsTaken) {
  const std::string value(1000, 'x');
  const auto bytes = "$1000\r\n" + value + "\r\n";
  for (const std::size_t piece : {7, 100, 2000}) {
    const auto parsed = parse(bytes + bytes, piece);
    ASSERT_EQ(parsed.replies.size(), 2u) << parsed.error;
    EXPECT_EQ(parsed.replies[1].string(), value);
  }
}

TEST(RedisReplyParser, ALargerReplyIsRefusedBeforeItIsWhole) {
  EXPECT_THAT(parse("$1001\r\n" + std::string(1001, 'x') + "\r\n", 5000).error,
              HasSubstr("too large"));
  EXPECT_THAT(parse("$9999999\r\n" + std::string(1100, 'x'), 100).error, HasSubstr("too large"));
  EXPECT_THAT(parse("+" + std::string(1100, 'x'), 100).error, HasSubstr("too large"));
  EXPECT_THAT(parse("*2\r\n$600\r\n" + std::string(600, 'x') + "\r\n$600\r\n" +
                        std::string(600, 'x') + "\r\n",
                    100)
                  .error,
              HasSubstr("too large"));
}

TEST(RedisReplyParser, AnArrayIsRefusedBeforeItIsMade) {
  EXPECT_THAT(parse("*2000000000\r\n", 100).error, HasSubstr("too large"));
  EXPECT_THAT(parse("*100\r\n", 100).error, HasSubstr("too large"));
}

// Mostly nonsense, some of it nearly right: it ends, within its bounds.
TEST(RedisReplyParser, WhateverArrivesIsSurvived) {
  constexpr std::string_view kAlphabet = "+-:$*019\r\n\r\n\r\nx\0";
  Rng rng(7);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes;
    for (auto left = rng.below(60); left > 0; --left) {
      bytes += kAlphabet[rng.below(kAlphabet.size())];
    }
    const auto parsed = parse(bytes, 1 + rng.below(10));
    EXPECT_LE(parsed.replies.size(), bytes.size());
  }
}

} // namespace
} // namespace raglan::redis
