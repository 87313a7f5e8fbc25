#include "loadtest/zipf.h"

#include <gtest/gtest.h>

namespace raglan::loadtest {
namespace {

TEST(ZipfSampler, TheBoundOfTheNotesFigureIsHarmonic) {
  const ZipfSampler zipf(10'000, 1.0);
  EXPECT_NEAR(zipf.share_of_first(2'000), 0.8355, 0.0001);
  EXPECT_EQ(zipf.share_of_first(0), 0);
  EXPECT_EQ(zipf.share_of_first(10'000), 1);
  EXPECT_EQ(zipf.share_of_first(20'000), 1);
}

TEST(ZipfSampler, SamplesAreAsFrequentAsTheirShareSays) {
  const ZipfSampler zipf(100, 0.9);
  Rng rng(7);
  constexpr std::size_t kSamples = 200'000;
  std::vector<std::size_t> counts(100);
  for (std::size_t i = 0; i < kSamples; ++i) ++counts.at(zipf.sample(rng));
  for (const std::size_t rank : {0, 1, 9, 99}) {
    const double share = zipf.share_of_first(rank + 1) - zipf.share_of_first(rank);
    const double expected = share * static_cast<double>(kSamples);
    EXPECT_NEAR(static_cast<double>(counts[rank]), expected, 5 * std::sqrt(expected)) << rank;
  }
}

TEST(ZipfSampler, AnExponentOfZeroIsUniform) {
  EXPECT_NEAR(ZipfSampler(10, 0).share_of_first(3), 0.3, 1e-12);
}

TEST(ZipfSampler, OneSeedGivesOneTrace) {
  const ZipfSampler zipf(1'000, 1);
  Rng one(3);
  Rng two(3);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(zipf.sample(one), zipf.sample(two));
}

TEST(ZipfSampler, OfOneThingThereIsOneSample) {
  Rng rng(1);
  EXPECT_EQ(ZipfSampler(1, 1).sample(rng), 0U);
}

} // namespace
} // namespace raglan::loadtest
