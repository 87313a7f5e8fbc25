#include "redis/connection_share.h"

#include <gtest/gtest.h>

#include <vector>

namespace raglan::redis {
namespace {

// What each loop may have to each server.
std::vector<std::vector<std::size_t>> table(std::size_t shares, std::size_t max_connections,
                                            std::size_t loops) {
  std::vector<std::vector<std::size_t>> of(shares, std::vector<std::size_t>(loops));
  for (std::size_t share = 0; share < shares; ++share) {
    const auto mine = connection_share(share, shares, max_connections, loops);
    for (std::size_t loop = 0; loop < loops; ++loop) {
      const std::size_t home = mine.home_of(loop);
      EXPECT_LT(home, loops);
      EXPECT_GE(mine.on(home), 1u);
      of[share][loop] = mine.on(loop);
    }
  }
  return of;
}

std::size_t sum(const std::vector<std::vector<std::size_t>>& table) {
  std::size_t sum = 0;
  for (const auto& row : table) {
    for (const std::size_t connections : row) sum += connections;
  }
  return sum;
}

TEST(RedisConnectionShare, OneServerHasThemAllEvenlyOverTheLoops) {
  EXPECT_EQ(table(1, 50, 4), (std::vector<std::vector<std::size_t>>{{13, 13, 12, 12}}));
  EXPECT_EQ(table(1, 3, 4), (std::vector<std::vector<std::size_t>>{{1, 1, 1, 0}}));
  EXPECT_EQ(connection_share(0, 1, 3, 4).home_of(3), 0u);
}

TEST(RedisConnectionShare, TheBoundIsExactOverAllServersAndLoops) {
  for (std::size_t shares = 1; shares <= 12; ++shares) {
    for (std::size_t loops = 1; loops <= 9; ++loops) {
      for (std::size_t most = shares; most <= 60; ++most) {
        EXPECT_EQ(sum(table(shares, most, loops)), most) << shares << " " << loops << " " << most;
      }
    }
  }
}

TEST(RedisConnectionShare, ALoopThatIsNoHomeHasNone) {
  EXPECT_EQ(table(3, 3, 2), (std::vector<std::vector<std::size_t>>{{1, 0}, {0, 1}, {1, 0}}));
}

TEST(RedisConnectionShare, EachServerHasOneAtLeast) {
  EXPECT_EQ(sum(table(5, 2, 3)), 5u);
  EXPECT_EQ(sum(table(5, 1, 1)), 5u);
}

TEST(RedisConnectionShare, NotAlwaysTheFirstLoopsHaveThem) {
  const auto of = table(4, 4, 4);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(of[i][i], 1u);
}

} // namespace
} // namespace raglan::redis
