#include "redis/slot_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace raglan::redis {
namespace {

using testing::ElementsAre;

Reply integer(std::int64_t value) {
  Reply reply;
  reply.kind = Reply::Kind::kInteger;
  reply.integer = value;
  return reply;
}

Reply text(std::string value) {
  Reply reply;
  reply.kind = Reply::Kind::kString;
  reply.text = std::move(value);
  return reply;
}

Reply array(std::vector<Reply> elements) {
  Reply reply;
  reply.kind = Reply::Kind::kArray;
  reply.elements = std::move(elements);
  return reply;
}

Reply range(std::int64_t first, std::int64_t last, Reply host, std::int64_t port) {
  return array({integer(first), integer(last),
                array({std::move(host), integer(port), text("id"), array({})}),
                array({text("replica"), integer(1), text("id"), array({})})});
}

std::size_t uncovered(const SlotMap& map) {
  return static_cast<std::size_t>(std::ranges::count(map.owners, SlotMap::kNobody));
}

Result<SlotMap> parse(std::vector<Reply> ranges) {
  return parse_slot_map(array(std::move(ranges)), "asked");
}

TEST(RedisSlotMap, EachSlotIsItsMasters) {
  const auto map = parse({range(5461, 10922, text("b"), 7001), range(0, 5460, text("a"), 7000),
                          range(10923, 16383, text("c"), 7002)});
  ASSERT_TRUE(map.has_value());
  EXPECT_THAT(map->masters,
              ElementsAre(HostPort{"a", 7000}, HostPort{"b", 7001}, HostPort{"c", 7002}));
  EXPECT_EQ(map->owners.size(), kHashSlots);
  EXPECT_EQ(map->owners[0], 0);
  EXPECT_EQ(map->owners[5460], 0);
  EXPECT_EQ(map->owners[5461], 1);
  EXPECT_EQ(map->owners[10922], 1);
  EXPECT_EQ(map->owners[10923], 2);
  EXPECT_EQ(map->owners[16383], 2);
  EXPECT_EQ(uncovered(*map), 0u);
}

TEST(RedisSlotMap, AMasterMayHaveManyRangesAndRangesOfOneSlot) {
  const auto map = parse(
      {range(0, 0, text("a"), 1), range(1, 1, text("b"), 1), range(16383, 16383, text("a"), 1)});
  ASSERT_TRUE(map.has_value());
  EXPECT_EQ(map->masters.size(), 2u);
  EXPECT_EQ(map->owners[0], 0);
  EXPECT_EQ(map->owners[1], 1);
  EXPECT_EQ(map->owners[2], SlotMap::kNobody);
  EXPECT_EQ(map->owners[16383], 0);
  EXPECT_EQ(uncovered(*map), kHashSlots - 3);
}

TEST(RedisSlotMap, ServersOfOneHostDifferByTheirPorts) {
  EXPECT_EQ(parse({range(0, 1, text("a"), 1), range(2, 3, text("a"), 2)})->masters.size(), 2u);
}

TEST(RedisSlotMap, NoHostIsTheOneThatWasAsked) {
  EXPECT_EQ(parse({range(0, 16383, text(""), 7000)})->masters[0].host, "asked");
  EXPECT_EQ(parse({range(0, 16383, Reply(), 7000)})->masters[0].host, "asked");
}

TEST(RedisSlotMap, AMasterThatTheClusterCannotNameHasNoSlots) {
  const auto map = parse({range(0, 8000, text("?"), 7000), range(8001, 16383, text("a"), 7001)});
  ASSERT_TRUE(map.has_value());
  EXPECT_EQ(uncovered(*map), 8001u);
  EXPECT_FALSE(parse({range(0, 16383, text("?"), 7000)}).has_value());
}

TEST(RedisSlotMap, WhatIsNoMapIsAnError) {
  EXPECT_EQ(parse({}).error().code, ErrorCode::kUpstream) << "a cluster without slots";
  EXPECT_FALSE(parse_slot_map(Reply(), "asked").has_value());
  EXPECT_FALSE(parse_slot_map(text("nonsense"), "asked").has_value());
  EXPECT_FALSE(parse({text("nonsense")}).has_value());
  EXPECT_FALSE(parse({array({integer(0), integer(1)})}).has_value()) << "without a master";
  EXPECT_FALSE(parse({array({integer(0), integer(1), array({text("a")})})}).has_value());
  EXPECT_FALSE(parse({range(-1, 1, text("a"), 1)}).has_value());
  EXPECT_FALSE(parse({range(2, 1, text("a"), 1)}).has_value());
  EXPECT_FALSE(parse({range(0, 16384, text("a"), 1)}).has_value());
  EXPECT_FALSE(parse({range(0, 1, text("a"), 65536)}).has_value());
}

} // namespace
} // namespace raglan::redis
