#include "store/distance.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/rng.h"

namespace raglan::store {
namespace {

TEST(Distance, AgreesWithTheBaselineAtEveryLengthAndAlignment) {
  Rng rng(7);
  std::vector<float> left(520);
  std::vector<float> right(520);
  for (float& value : left) value = static_cast<float>(rng.uniform() - 0.5);
  for (float& value : right) value = static_cast<float>(rng.uniform() - 0.5);
  for (std::size_t count = 0; count <= 512; ++count) {
    const std::size_t shift = count % 4;
    double expected = 0;
    for (std::size_t i = 0; i < count; ++i) {
      expected += static_cast<double>(left[shift + i]) * right[i];
    }
    EXPECT_NEAR(inner_product(left.data() + shift, right.data(), count), expected, 1e-4);
    EXPECT_NEAR(detail::inner_product_baseline(left.data() + shift, right.data(), count), expected,
                1e-4);
  }
}

} // namespace
} // namespace raglan::store
