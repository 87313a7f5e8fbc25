#include "cache/refreshes.h"

#include <gtest/gtest.h>

#include <utility>

namespace raglan::cache {
namespace {

TEST(Refreshes, AKeyIsRefreshedOnceAtATime) {
  Refreshes refreshes(10);
  auto first = refreshes.try_begin(hash128("a"));
  ASSERT_TRUE(first);
  EXPECT_FALSE(refreshes.try_begin(hash128("a")));
  EXPECT_TRUE(refreshes.try_begin(hash128("b")));
  first.reset();
  EXPECT_TRUE(refreshes.try_begin(hash128("a")));
}

TEST(Refreshes, NoMoreThanSoManyRunAtATime) {
  Refreshes refreshes(2);
  auto first = refreshes.try_begin(hash128("a"));
  const auto second = refreshes.try_begin(hash128("b"));
  EXPECT_FALSE(refreshes.try_begin(hash128("b"))); // is under way: not one too many
  EXPECT_EQ(refreshes.refused(), 0u);
  EXPECT_FALSE(refreshes.try_begin(hash128("c")));
  EXPECT_EQ(refreshes.refused(), 1u);
  EXPECT_EQ(refreshes.running(), 2u);
  first.reset();
  EXPECT_TRUE(refreshes.try_begin(hash128("c")));
}

TEST(Refreshes, APermitThatMovedEndsOnce) {
  Refreshes refreshes(10);
  {
    auto first = refreshes.try_begin(hash128("a"));
    const auto moved = std::move(*first);
    first.reset();
    EXPECT_EQ(refreshes.running(), 1u);
  }
  EXPECT_EQ(refreshes.running(), 0u);
}

} // namespace
} // namespace raglan::cache
