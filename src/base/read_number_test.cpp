#include "base/read_number.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace raglan {
namespace {

TEST(ReadNumber, TheWholeTextIsTheNumberOrThereIsNone) {
  std::uint16_t port = 0;
  EXPECT_TRUE(read_number("6379", port));
  EXPECT_EQ(port, 6379);
  for (const auto* text : {"", " 1", "1 ", "+1", "-1", "0x1", "1.0", "65536"}) {
    EXPECT_FALSE(read_number(text, port)) << text;
  }
  int number = 0;
  EXPECT_TRUE(read_number("-1", number));
  EXPECT_EQ(number, -1);
}

} // namespace
} // namespace raglan
