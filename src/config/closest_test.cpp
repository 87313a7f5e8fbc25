#include "config/closest.h"

#include <vector>

#include <gtest/gtest.h>

namespace raglan::config {
namespace {

TEST(EditDistance, CountsEachKindOfEditOnce) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("listen", "litsen"), 1u); // a swap
  EXPECT_EQ(edit_distance("listen", "listn"), 1u);
}

TEST(Closest, FindsTheNearestWithinTheLimit) {
  const std::vector<std::string> keys{"server.listen", "server.threads", "store.pool.pool_size"};
  EXPECT_EQ(closest("server.listn", keys), "server.listen");
  EXPECT_EQ(closest("sever.thraeds", keys), "server.threads");
  EXPECT_EQ(closest("totally.else", keys), std::nullopt);
  EXPECT_EQ(closest("x", {}), std::nullopt);
}

} // namespace
} // namespace raglan::config
