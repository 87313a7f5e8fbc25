#include "base/hash.h"

#include <gtest/gtest.h>

namespace raglan {
namespace {

// Made with Python: sha256(struct.pack("<Q", len(field)) + field …)[:16].
TEST(Hash, AgreesWithTheReference) {
  EXPECT_EQ(hash128("").hex(), "af5570f5a1810b7af78caf4bc70a660f");
  EXPECT_EQ(hash128("abc").hex(), "ce91dc5eec0139adf091900d225971d6");
  EXPECT_EQ(Hasher().add("a").add("bc").finish().hex(), "9a8acca1b6c6c0befd3fbc756aed625d");
}

TEST(Hash, SmallAndLargeFieldsAgreeWithTheReference) {
  Hasher hasher;
  for (const std::size_t bytes : {0, 1, 239, 7, 240, 241, 255, 256, 257, 1000, 3}) {
    hasher.add(std::string(bytes, 'x'));
  }
  EXPECT_EQ(hasher.add(std::uint64_t{5}).finish().hex(), "10093a67f9107c250c6ad6e758bad5e3");
}

TEST(Hash, FieldBordersCount) {
  EXPECT_NE(Hasher().add("ab").add("c").finish(), Hasher().add("a").add("bc").finish());
  EXPECT_NE(Hasher().add("abc").finish(), Hasher().add("abc").add("").finish());
  EXPECT_NE(Hasher().add(std::uint64_t{1}).finish(), Hasher().add(std::uint64_t{2}).finish());
}

TEST(Hash, HexRoundTrips) {
  const Hash128 hash = hash128("abc");
  EXPECT_EQ(Hash128::from_hex(hash.hex()), hash);
  EXPECT_EQ(Hash128::from_hex("ce91"), std::nullopt);
  EXPECT_EQ(Hash128::from_hex("zz91dc5eec0139adf091900d225971d6"), std::nullopt);
}

} // namespace
} // namespace raglan
