#include "cache/shared_entry.h"

#include <gtest/gtest.h>

namespace raglan::cache {
namespace {

using namespace std::chrono_literals;

const Hash128 kKey = hash128("key");

SharedEntry sample() {
  return {.value = "an answer",
          .stored = WallTime(1'700'000'000'123ms),
          .keep = 60s,
          .cost = 250ms,
          .calls = 3};
}

TEST(SharedEntry, ComesBackAsItWas) {
  const auto entry = decode_entry(kKey, encode_entry(kKey, sample()));
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->value, "an answer");
  EXPECT_EQ(entry->stored, sample().stored);
  EXPECT_EQ(entry->keep, 60s);
  EXPECT_EQ(entry->cost, 250ms);
  EXPECT_EQ(entry->calls, 3u);
}

TEST(SharedEntry, OfAnotherKeyIsNone) {
  EXPECT_FALSE(decode_entry(hash128("other"), encode_entry(kKey, sample())));
}

TEST(SharedEntry, EveryCutAndEveryChangedByteIsNoticed) {
  const std::string bytes = encode_entry(kKey, sample());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    EXPECT_FALSE(decode_entry(kKey, bytes.substr(0, at))) << at;
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ 0x10);
    EXPECT_FALSE(decode_entry(kKey, changed)) << at;
  }
  EXPECT_FALSE(decode_entry(kKey, bytes + "x"));
}

} // namespace
} // namespace raglan::cache
