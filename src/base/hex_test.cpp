#include "base/hex.h"

#include <array>

#include <gtest/gtest.h>

namespace raglan {
namespace {

TEST(Hex, WritesLowerCase) {
  EXPECT_EQ(to_hex(std::array<std::uint8_t, 4>{0x00, 0x0f, 0xa5, 0xff}), "000fa5ff");
  EXPECT_EQ(to_hex({}), "");
}

TEST(Hex, ReadsEitherCase) {
  std::array<std::uint8_t, 2> bytes;
  ASSERT_TRUE(from_hex("aBfF", bytes));
  EXPECT_EQ(bytes, (std::array<std::uint8_t, 2>{0xab, 0xff}));
}

TEST(Hex, RefusesEveryOtherLengthAndCharacter) {
  std::array<std::uint8_t, 2> bytes;
  for (const char* text : {"", "abc", "abcde", "ab cd", "abcg", "ab:d", "0x12"}) {
    EXPECT_FALSE(from_hex(text, bytes)) << text;
  }
}

} // namespace
} // namespace raglan
