#include "policy/weighted_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace raglan::policy {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

TEST(WeightedOrder, HoldsEachOnce) {
  Rng rng(1);
  const std::vector<double> weights{1, 5, 0, 2};
  for (int i = 0; i < 100; ++i) {
    EXPECT_THAT(weighted_order(weights, rng), UnorderedElementsAre(0, 1, 2, 3));
  }
}

TEST(WeightedOrder, TheFirstIsEachByItsShare) {
  Rng rng(7);
  const std::vector<double> weights{1, 2, 7};
  std::vector<int> first(3);
  constexpr int kDraws = 20'000;
  for (int i = 0; i < kDraws; ++i) ++first[weighted_order(weights, rng).front()];
  EXPECT_NEAR(first[0], 0.1 * kDraws, 0.01 * kDraws);
  EXPECT_NEAR(first[1], 0.2 * kDraws, 0.01 * kDraws);
  EXPECT_NEAR(first[2], 0.7 * kDraws, 0.01 * kDraws);
}

TEST(WeightedOrder, WithoutWeightTheyComeLastAsGiven) {
  Rng rng(3);
  for (int i = 0; i < 100; ++i) {
    EXPECT_THAT(weighted_order(std::vector<double>{0, 1, 0}, rng), ElementsAre(1, 0, 2));
  }
  EXPECT_TRUE(weighted_order({}, rng).empty());
}

} // namespace
} // namespace raglan::policy
