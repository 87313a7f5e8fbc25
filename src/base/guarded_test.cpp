#include "base/guarded.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace raglan {
namespace {

TEST(Guarded, WritersExcludeEachOther) {
  Guarded<int> count(0);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 1000; ++i) count.with([](int& value) { ++value; });
      });
    }
  }
  EXPECT_EQ(std::as_const(count).with([](const int& value) { return value; }), 4000);
}

} // namespace
} // namespace raglan
