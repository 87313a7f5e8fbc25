#include "loadtest/metrics_text.h"

#include <gtest/gtest.h>

namespace raglan::loadtest {
namespace {

TEST(MetricsText, SumsTheSeriesOfOneName) {
  const MetricsText metrics(
      "# HELP calls_total Calls.\n"
      "calls_total{stage=\"embed\",code=\"a b\"} 2\n"
      "calls_total{stage=\"retrieve\"} 3.5\n"
      "calls_total_more 100\n"
      "plain 7");
  EXPECT_EQ(metrics.sum("calls_total"), 5.5);
  EXPECT_EQ(metrics.sum("calls_total", "stage=\"embed\""), 2);
  EXPECT_EQ(metrics.sum("plain"), 7);
  EXPECT_EQ(metrics.sum("unknown"), 0);
}

} // namespace
} // namespace raglan::loadtest
