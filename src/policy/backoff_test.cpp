#include "policy/backoff.h"

#include <gtest/gtest.h>

#include <array>

namespace raglan::policy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::array<milliseconds, 10> kCeilings = {
    milliseconds(25),   milliseconds(50),  milliseconds(100),  milliseconds(200),
    milliseconds(400),  milliseconds(800), milliseconds(1600), milliseconds(2500),
    milliseconds(2500), milliseconds(2500)};

TEST(Backoff, EveryWaitIsWithinItsCeiling) {
  Rng rng(1);
  for (int run = 0; run < 1000; ++run) {
    Backoff backoff;
    for (const auto ceiling : kCeilings) {
      const auto wait = backoff.next(rng);
      EXPECT_GE(wait, Duration::zero());
      EXPECT_LE(wait, ceiling);
    }
  }
}

// Full jitter: the waits fill the whole range, and evenly.
TEST(Backoff, JitterIsFull) {
  Rng rng(2);
  std::array<Duration, kCeilings.size()> sums{};
  std::array<Duration, kCeilings.size()> smallest;
  std::array<Duration, kCeilings.size()> largest{};
  smallest.fill(Duration::max());
  constexpr int kRuns = 4000;
  for (int run = 0; run < kRuns; ++run) {
    Backoff backoff;
    for (std::size_t i = 0; i < kCeilings.size(); ++i) {
      const auto wait = backoff.next(rng);
      sums[i] += wait;
      smallest[i] = std::min(smallest[i], wait);
      largest[i] = std::max(largest[i], wait);
    }
  }
  for (std::size_t i = 0; i < kCeilings.size(); ++i) {
    const double ceiling = to_milliseconds(kCeilings[i]);
    EXPECT_NEAR(to_milliseconds(sums[i]) / kRuns, ceiling / 2, ceiling * 0.03);
    EXPECT_LT(to_milliseconds(smallest[i]), ceiling * 0.01);
    EXPECT_GT(to_milliseconds(largest[i]), ceiling * 0.99);
  }
}

TEST(Backoff, TheSameSeedWaitsTheSame) {
  Rng first_rng(3);
  Rng second_rng(3);
  Backoff first;
  Backoff second;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(first.next(first_rng), second.next(second_rng));
}

TEST(Backoff, RetryAfterIsObeyedAndSpreadOut) {
  Rng rng(4);
  Duration smallest = Duration::max();
  Duration largest{};
  for (int run = 0; run < 1000; ++run) {
    Backoff backoff;
    const auto wait = backoff.next(rng, seconds(90)); // longer than max_backoff
    smallest = std::min(smallest, wait);
    largest = std::max(largest, wait);
  }
  EXPECT_GE(smallest, seconds(90));
  EXPECT_LE(largest, seconds(90) + milliseconds(25));
  EXPECT_LT(smallest, largest);
}

TEST(Backoff, ANegativeRetryAfterIsNone) {
  Rng rng(5);
  Backoff backoff;
  EXPECT_GE(backoff.next(rng, seconds(-5)), Duration::zero());
}

TEST(Backoff, DoesNotOverflowHoweverOftenItIsAsked) {
  Rng rng(6);
  Backoff backoff({.base_backoff = milliseconds(1), .max_backoff = std::chrono::hours(1)});
  for (int i = 0; i < 1000; ++i) {
    const auto wait = backoff.next(rng);
    EXPECT_GE(wait, Duration::zero());
    EXPECT_LE(wait, std::chrono::hours(1));
  }
}

} // namespace
} // namespace raglan::policy
