#include "base/rng.h"

#include <array>

#include <gtest/gtest.h>

namespace raglan {
namespace {

// The authors' C code, seeded with splitmix64 from 0.
TEST(Rng, AgreesWithTheReference) {
  Rng rng(0);
  EXPECT_EQ(rng(), 0x99ec5f36cb75f2b4u);
  EXPECT_EQ(rng(), 0xbf6e1f784956452au);
  EXPECT_EQ(rng(), 0x1a5f849d4933e6e0u);
}

TEST(Rng, TheSameSeedGivesTheSameRun) {
  Rng a(7);
  Rng b(7);
  Rng other(8);
  EXPECT_NE(Rng(7)(), other());
  for (int i = 0; i < 100; ++i) ASSERT_EQ(a(), b());
}

TEST(Rng, UniformStaysInsideAndIsCentred) {
  Rng rng(1);
  double sum = 0;
  for (int i = 0; i < 10'000; ++i) {
    const double value = rng.uniform();
    ASSERT_GE(value, 0);
    ASSERT_LT(value, 1);
    sum += value;
  }
  EXPECT_NEAR(sum / 10'000, 0.5, 0.02);
}

TEST(Rng, BelowReachesEveryValueEvenly) {
  Rng rng(2);
  std::array<int, 10> seen{};
  for (int i = 0; i < 10'000; ++i) {
    const std::uint64_t value = rng.below(10);
    ASSERT_LT(value, 10u);
    ++seen[value];
  }
  for (const int count : seen) EXPECT_NEAR(count, 1000, 150);
  EXPECT_EQ(rng.below(1), 0u);
}

TEST(SecureRandom, FillsEverythingAndDiffersEachTime) {
  std::array<std::byte, 64> a{};
  std::array<std::byte, 64> b{};
  secure_random(a);
  secure_random(b);
  EXPECT_NE(a, b);
  EXPECT_NE(random_seed(), random_seed());
  secure_random({}); // nothing to fill is no error
}

} // namespace
} // namespace raglan
