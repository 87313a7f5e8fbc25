#include "telemetry/histogram.h"

#include <cmath>
#include <limits>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace raglan::telemetry {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

constexpr std::array kBounds{1.0, 2.0, 4.0};

TEST(Histogram, ABoundBelongsToItsBucket) {
  Histogram histogram(kBounds);
  for (const double value : {-1.0, 1.0, 1.5, 2.0, 2.1, 4.0, 4.1, 1e9}) histogram.observe(value);
  const auto snapshot = histogram.snapshot();
  EXPECT_THAT(snapshot.counts, ElementsAre(2, 2, 2, 2));
  EXPECT_EQ(snapshot.count(), 8u);
  EXPECT_DOUBLE_EQ(snapshot.sum, -1 + 1 + 1.5 + 2 + 2.1 + 4 + 4.1 + 1e9);
}

TEST(Histogram, DurationsAreSeconds) {
  Histogram histogram;
  histogram.observe(Duration(2500us));
  const auto snapshot = histogram.snapshot();
  EXPECT_DOUBLE_EQ(snapshot.sum, 0.0025);
  EXPECT_EQ(snapshot.counts[1], 1u); // le="0.0025"
}

TEST(Histogram, NotANumberIsIgnored) {
  Histogram histogram(kBounds);
  histogram.observe(std::nan(""));
  EXPECT_EQ(histogram.snapshot().count(), 0u);
  EXPECT_EQ(histogram.snapshot().sum, 0);
}

TEST(Histogram, BoundsAreSortedMadeUniqueAndLimited) {
  const std::array messy{4.0, 1.0, 4.0, std::numeric_limits<double>::infinity(), std::nan("")};
  EXPECT_THAT(Histogram(messy).snapshot().bounds, ElementsAre(1.0, 4.0));
  std::vector<double> many;
  for (std::size_t i = 0; i < kMaxBounds + 5; ++i) many.push_back(static_cast<double>(i));
  Histogram histogram(many);
  histogram.observe(1e6);
  EXPECT_EQ(histogram.snapshot().bounds.size(), kMaxBounds);
  EXPECT_EQ(histogram.snapshot().counts.back(), 1u);
}

TEST(Histogram, NoObservationOfAnyThreadIsLost) {
  Histogram histogram(kBounds);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 12; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 1000; ++i) histogram.observe(1.5);
      });
    }
  }
  EXPECT_EQ(histogram.snapshot().count(), 12'000u);
  EXPECT_DOUBLE_EQ(histogram.snapshot().sum, 18'000);
}

TEST(HistogramSnapshot, QuantilesAreLinearInsideTheirBucket) {
  const HistogramSnapshot snapshot{{1.0, 2.0, 4.0}, {10, 10, 20, 0}, 0};
  EXPECT_DOUBLE_EQ(*snapshot.quantile(0), 0);
  EXPECT_DOUBLE_EQ(*snapshot.quantile(0.125), 0.5);
  EXPECT_DOUBLE_EQ(*snapshot.quantile(0.25), 1);
  EXPECT_DOUBLE_EQ(*snapshot.quantile(0.5), 2);
  EXPECT_DOUBLE_EQ(*snapshot.quantile(0.75), 3);
  EXPECT_DOUBLE_EQ(*snapshot.quantile(1), 4);
  EXPECT_DOUBLE_EQ(*snapshot.quantile(7), 4);
}

TEST(HistogramSnapshot, WithoutObservationsThereIsNoQuantile) {
  EXPECT_EQ(Histogram().snapshot().quantile(0.5), std::nullopt);
  EXPECT_EQ(HistogramSnapshot().quantile(0.5), std::nullopt);
}

TEST(HistogramSnapshot, TheLastBucketAnswersWithTheHighestBound) {
  const HistogramSnapshot snapshot{{1.0, 2.0}, {1, 0, 9}, 0};
  EXPECT_DOUBLE_EQ(*snapshot.quantile(0.99), 2);
  EXPECT_EQ((HistogramSnapshot{{}, {3}, 3}.quantile(0.5)), std::nullopt);
}

TEST(HistogramSnapshot, TheDifferenceOfTwoIsAWindow) {
  Histogram histogram(kBounds);
  histogram.observe(100);
  const auto before = histogram.snapshot();
  histogram.observe(1.5);
  const auto window = histogram.snapshot().since(before);
  EXPECT_THAT(window.counts, ElementsAre(0, 1, 0, 0));
  EXPECT_DOUBLE_EQ(window.sum, 1.5);
}

} // namespace
} // namespace raglan::telemetry
