#include "base/bytes.h"

#include <gtest/gtest.h>

namespace raglan {
namespace {

std::string sample() {
  std::string bytes;
  ByteWriter(bytes).value(std::uint32_t{7}).text("seven").value(0.5).value(true).text("");
  return bytes;
}

TEST(Bytes, WhatIsWrittenIsRead) {
  const std::string bytes = sample();
  ByteReader reader(bytes);
  EXPECT_EQ(reader.value<std::uint32_t>(), 7u);
  EXPECT_EQ(reader.text(), "seven");
  EXPECT_EQ(reader.value<double>(), 0.5);
  EXPECT_FALSE(reader.done());
  EXPECT_TRUE(reader.value<bool>());
  EXPECT_EQ(reader.text(), "");
  EXPECT_TRUE(reader.done());
}

TEST(Bytes, EveryCutIsNoticed) {
  const std::string bytes = sample();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ByteReader reader(std::string_view(bytes).substr(0, size));
    (void)reader.value<std::uint32_t>();
    (void)reader.text();
    (void)reader.value<double>();
    (void)reader.value<bool>();
    (void)reader.text();
    EXPECT_FALSE(reader.done()) << size;
  }
}

TEST(Bytes, ALengthBeyondTheEndIsNothing) {
  std::string bytes;
  ByteWriter(bytes).value(std::uint32_t{0xffffffff});
  ByteReader reader(bytes);
  EXPECT_EQ(reader.text(), "");
  EXPECT_TRUE(reader.failed());
  EXPECT_EQ(reader.value<std::uint64_t>(), 0u);
}

} // namespace
} // namespace raglan
