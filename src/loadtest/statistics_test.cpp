#include "loadtest/statistics.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace raglan::loadtest {
namespace {

TEST(Statistics, AQuantileLiesBetweenSamples) {
  EXPECT_EQ(quantile({4, 1, 3, 2}, 0), 1);
  EXPECT_EQ(quantile({4, 1, 3, 2}, 1), 4);
  EXPECT_DOUBLE_EQ(quantile({4, 1, 3, 2}, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(quantile({10, 20}, 0.99), 19.9);
  EXPECT_EQ(quantile({5}, 0.99), 5);
}

TEST(Statistics, WithoutSamplesThereIsNoValue) {
  EXPECT_TRUE(std::isnan(quantile({}, 0.5)));
  EXPECT_TRUE(std::isnan(Figure::of({}).median));
}

TEST(Statistics, AFigureSaysHowFarApartItsSamplesLie) {
  const Figure figure = Figure::of({3, 9, 5});
  EXPECT_EQ(figure.median, 5);
  EXPECT_EQ(figure.least, 3);
  EXPECT_EQ(figure.most, 9);
}

TEST(FigureText, HasThreeDigitsThatCount) {
  EXPECT_EQ(figure_text(0.01234), "0.0123");
  EXPECT_EQ(figure_text(1.234), "1.23");
  EXPECT_EQ(figure_text(12.34), "12.3");
  EXPECT_EQ(figure_text(123.4), "123");
  EXPECT_EQ(figure_text(1234567.8), "1,234,568");
  EXPECT_EQ(figure_text(-1234), "-1,234");
  EXPECT_EQ(figure_text(200), "200");
  EXPECT_EQ(figure_text(0), "0");
  EXPECT_EQ(figure_text(std::numeric_limits<double>::infinity()), "∞");
  EXPECT_EQ(figure_text(std::numeric_limits<double>::quiet_NaN()), "—");
}

} // namespace
} // namespace raglan::loadtest
