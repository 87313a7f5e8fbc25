#include "telemetry/metrics.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace raglan::telemetry {
namespace {

TEST(Counter, NoIncrementOfAnyThreadIsLost) {
  Counter counter;
  {
    std::vector<std::jthread> threads; // more than there are shards, so that some share one
    for (std::size_t t = 0; t < kShards + 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 10'000; ++i) counter.add();
      });
    }
  }
  EXPECT_EQ(counter.value(), 10'000 * (kShards + 4));
  counter.add(5);
  EXPECT_EQ(counter.value(), 10'000 * (kShards + 4) + 5);
}

TEST(Counter, NeverGoesBackWhileOthersAdd) {
  Counter counter;
  std::jthread adder([&](std::stop_token stop) {
    while (!stop.stop_requested()) counter.add();
  });
  std::uint64_t last = 0;
  for (int i = 0; i < 10'000; ++i) {
    const std::uint64_t value = counter.value();
    ASSERT_GE(value, last);
    last = value;
  }
}

TEST(Gauge, SetsAndAdds) {
  Gauge gauge;
  EXPECT_EQ(gauge.value(), 0);
  gauge.set(2.5);
  gauge.add(-4);
  EXPECT_EQ(gauge.value(), -1.5);
}

} // namespace
} // namespace raglan::telemetry
