#include "redis/hash_slot.h"

#include <gtest/gtest.h>

#include <string>

namespace raglan::redis {
namespace {

TEST(RedisHashSlot, TheChecksumIsTheSpecifications) {
  EXPECT_EQ(crc16("123456789"), 0x31c3); // the check value of CRC-16/XMODEM
  EXPECT_EQ(crc16(""), 0);
  EXPECT_EQ(crc16(std::string_view("\0\xff", 2)), 0x1ef0);
}

// As CLUSTER KEYSLOT of Redis 7.0 says.
TEST(RedisHashSlot, TheSlotsAreRedisOwn) {
  EXPECT_EQ(hash_slot("foo"), 12182);
  EXPECT_EQ(hash_slot("bar"), 5061);
  EXPECT_EQ(hash_slot(""), 0);
  EXPECT_EQ(hash_slot("raglan:nodes"), hash_slot("{raglan:nodes}:other"));
  EXPECT_EQ(hash_slot("{user1000}.following"), hash_slot("{user1000}.followers"));
}

TEST(RedisHashSlot, TheTagIsWhatStandsInTheFirstBraces) {
  EXPECT_EQ(hash_tag("{user1000}.following"), "user1000");
  EXPECT_EQ(hash_tag("a:{b}:c"), "b");
  EXPECT_EQ(hash_tag("foo{{bar}}zap"), "{bar");
  EXPECT_EQ(hash_tag("foo{bar}{zap}"), "bar");
  EXPECT_EQ(hash_tag("}foo{bar}"), "bar");
}

TEST(RedisHashSlot, WithoutATagTheWholeKeyDecides) {
  for (const std::string_view key : {"", "foo", "foo{}{bar}", "foo{bar", "foo}bar", "}{", "{}"}) {
    EXPECT_EQ(hash_tag(key), key);
  }
}

TEST(RedisHashSlot, EverySlotIsInRange) {
  for (int i = 0; i < 100'000; ++i) EXPECT_LT(hash_slot(std::to_string(i)), kHashSlots);
}

} // namespace
} // namespace raglan::redis
