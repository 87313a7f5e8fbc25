#include "telemetry/metric_registry.h"

#include <atomic>
#include <cmath>
#include <limits>
#include <optional>
#include <semaphore>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace raglan::telemetry {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(MetricRegistry, WritesEachKindAsPrometheusReadsIt) {
  MetricRegistry metrics;
  metrics.counters("raglan_http_requests_total", "Requests answered.", {"route", "code"})
      .with("/v1/query", "200")
      .add(3);
  metrics.gauge("raglan_degradation_level", "Level.").set(1.5);
  auto& batch = metrics.histogram("raglan_batch", "Sizes.", std::array{1.0, 8.0});
  for (const double size : {1.0, 5.0, 100.0}) batch.observe(size);
  EXPECT_EQ(metrics.text(), R"(# HELP raglan_batch Sizes.
# TYPE raglan_batch histogram
raglan_batch_bucket{le="1"} 1
raglan_batch_bucket{le="8"} 2
raglan_batch_bucket{le="+Inf"} 3
raglan_batch_sum 106
raglan_batch_count 3
# HELP raglan_degradation_level Level.
# TYPE raglan_degradation_level gauge
raglan_degradation_level 1.5
# HELP raglan_http_requests_total Requests answered.
# TYPE raglan_http_requests_total counter
raglan_http_requests_total{route="/v1/query",code="200"} 3
)");
}

TEST(MetricRegistry, AHistogramWithLabelsKeepsThemBeforeItsBound) {
  MetricRegistry metrics;
  metrics.histograms("h", "H.", {"stage"}, std::array{0.5}).with("embed").observe(0.25);
  EXPECT_THAT(metrics.text(), HasSubstr("h_bucket{stage=\"embed\",le=\"0.5\"} 1\n"
                                        "h_bucket{stage=\"embed\",le=\"+Inf\"} 1\n"
                                        "h_sum{stage=\"embed\"} 0.25\n"
                                        "h_count{stage=\"embed\"} 1\n"));
}

TEST(MetricRegistry, HelpAndLabelValuesAreEscaped) {
  MetricRegistry metrics;
  metrics.counters("c", "one \\ \"two\"\nthree", {"l"}).with("a\\b\"c\nd").add();
  EXPECT_THAT(metrics.text(), HasSubstr("# HELP c one \\\\ \"two\"\\nthree\n"));
  EXPECT_THAT(metrics.text(), HasSubstr("c{l=\"a\\\\b\\\"c\\nd\"} 1\n"));
}

TEST(MetricRegistry, NumbersThatAreNoneAreSpelledOut) {
  MetricRegistry metrics;
  auto& gauges = metrics.gauges("g", "G.", {"x"});
  gauges.with("1").set(std::numeric_limits<double>::infinity());
  gauges.with("2").set(-std::numeric_limits<double>::infinity());
  gauges.with("3").set(std::nan(""));
  gauges.with("4").set(1e-7);
  EXPECT_THAT(metrics.text(), HasSubstr("g{x=\"1\"} +Inf\ng{x=\"2\"} -Inf\ng{x=\"3\"} NaN\n"
                                        "g{x=\"4\"} 1e-07\n"));
}

TEST(MetricRegistry, AskingAgainGivesTheSameMetric) {
  MetricRegistry metrics;
  EXPECT_EQ(&metrics.counter("c", "C."), &metrics.counter("c", "C."));
  EXPECT_EQ(&metrics.counters("d", "D.", {"a"}).with("x"),
            &metrics.counters("d", "D.", {"a"}).with(std::string("x")));
}

TEST(MetricRegistryDeathTest, AContradictionEndsTheProgramAndSaysSo) {
  MetricRegistry metrics;
  metrics.counter("c", "C.");
  EXPECT_DEATH(metrics.gauge("c", "C."), "cannot be registered metric=c");
  EXPECT_DEATH(metrics.counters("c", "C.", {"a"}), "another kind or labels");
  metrics.counters("d", "D.", {"a"});
  EXPECT_DEATH(metrics.counters("d", "D.", {"b"}), "another kind or labels");
  EXPECT_DEATH(metrics.counter("1c", "C."), "no metric name");
  EXPECT_DEATH(metrics.counter("", "C."), "no metric name");
  EXPECT_DEATH(metrics.histograms("h", "H.", {"le"}), "impossible label");
  EXPECT_DEATH(metrics.counters("e", "E.", {"a-b"}), "impossible label");
}

TEST(Family, ThreadsThatAskForTheSameSeriesCountInIt) {
  constexpr int kSeries = 200; // more than are found without the lock
  MetricRegistry metrics;
  auto& family = metrics.counters("c", "C.", {"a"});
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&] {
        for (int i = 0; i < 10 * kSeries; ++i) family.with(std::to_string(i % kSeries)).add();
      });
    }
  }
  int series = 0;
  family.for_each([&](const auto&, const Counter& counter) {
    EXPECT_EQ(counter.value(), 40U);
    ++series;
  });
  EXPECT_EQ(series, kSeries);
}

TEST(Family, SeriesBeyondTheMaximumShareOther) {
  MetricRegistry metrics;
  auto& family = metrics.counters("c", "C.", {"a", "b"}, 3);
  family.with("1", "x").add();
  family.with("2", "x").add();
  for (int i = 3; i < 100; ++i) family.with(std::to_string(i), "y").add();
  family.with("1", "x").add(); // those that were there first stay
  EXPECT_THAT(metrics.text(), HasSubstr("c{a=\"1\",b=\"x\"} 2\nc{a=\"2\",b=\"x\"} 1\n"
                                        "c{a=\"other\",b=\"other\"} 97\n"));
}

TEST(Family, LabelValuesAreMadeValidAndShort) {
  EXPECT_EQ(label_value("a\xff"), "a\xef\xbf\xbd");
  EXPECT_EQ(label_value(std::string(kMaxLabelBytes, 'a')), std::string(kMaxLabelBytes, 'a'));
  EXPECT_EQ(label_value(std::string(5000, 'a')), std::string(kMaxLabelBytes, 'a'));
  // A two-byte character across the limit is left out whole.
  EXPECT_EQ(label_value(std::string(kMaxLabelBytes - 1, 'a') + "\xc3\xa9 and more"),
            std::string(kMaxLabelBytes - 1, 'a'));
}

TEST(Family, LongAndInvalidValuesStillNameOneSeries) {
  MetricRegistry metrics;
  auto& family = metrics.counters("c", "C.", {"l"});
  EXPECT_EQ(&family.with(std::string(500, 'a')), &family.with(std::string(500, 'a')));
  EXPECT_EQ(&family.with("\xff"), &family.with("\xff"));
}

TEST(Family, ManyThreadsMayAskForNewSeries) {
  MetricRegistry metrics;
  auto& family = metrics.counters("c", "C.", {"l"}, 8);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 1000; ++i) family.with(std::to_string((i + t) % 20)).add();
      });
    }
    for (int i = 0; i < 20; ++i) EXPECT_FALSE(metrics.text().empty());
  }
  std::uint64_t total = 0;
  std::size_t series = 0;
  family.for_each([&](const auto&, const Counter& counter) {
    total += counter.value();
    ++series;
  });
  EXPECT_EQ(total, 4000u);
  EXPECT_EQ(series, 8u);
}

TEST(Callback, IsReadAtEveryScrapeUntilItsRegistrationGoes) {
  MetricRegistry metrics;
  double depth = 1;
  {
    const Registration registration = metrics.callback(
        MetricKind::kGauge, "d", "D.", {{"executor", "store"}}, [&] { return depth; });
    EXPECT_THAT(metrics.text(), HasSubstr("d{executor=\"store\"} 1\n"));
    depth = 2;
    EXPECT_THAT(metrics.text(), HasSubstr("d{executor=\"store\"} 2\n"));
  }
  EXPECT_THAT(metrics.text(), Not(HasSubstr("d{")));
}

TEST(Callback, ManyUnderOneNameAreOneMetric) {
  MetricRegistry metrics;
  const auto a = metrics.callback(MetricKind::kGauge, "d", "D.", {{"e", "a"}}, [] { return 1.0; });
  const auto b = metrics.callback(MetricKind::kGauge, "d", "D.", {{"e", "b"}}, [] { return 2.0; });
  EXPECT_EQ(metrics.text(), "# HELP d D.\n# TYPE d gauge\nd{e=\"a\"} 1\nd{e=\"b\"} 2\n");
}

TEST(Callback, ALaterOneReplacesAndOutlivesTheEarlier) {
  MetricRegistry metrics;
  std::optional<Registration> first =
      metrics.callback(MetricKind::kGauge, "d", "D.", {}, [] { return 1.0; });
  const auto second = metrics.callback(MetricKind::kGauge, "d", "D.", {}, [] { return 2.0; });
  first.reset();
  EXPECT_THAT(metrics.text(), HasSubstr("\nd 2\n"));
}

TEST(Callback, MayUseTheRegistry) {
  MetricRegistry metrics;
  const auto registration = metrics.callback(MetricKind::kGauge, "d", "D.", {}, [&] {
    metrics.counters("c", "C.", {"l"}).with("called").add();
    return 1.0;
  });
  EXPECT_THAT(metrics.text(), HasSubstr("\nd 1\n"));
  EXPECT_THAT(metrics.text(), HasSubstr("c{l=\"called\"} "));
}

TEST(Callback, HoldsUpNobodyButItsOwnScrape) {
  MetricRegistry metrics;
  auto& counters = metrics.counters("c", "C.", {"l"});
  std::binary_semaphore called{0};
  std::binary_semaphore go_on{0};
  auto slow = metrics.callback(MetricKind::kGauge, "slow", "S.", {{"x", "1"}}, [&] {
    called.release();
    go_on.acquire();
    return 1.0;
  });
  std::string text;
  std::thread scrape([&] { text = metrics.text(); });
  called.acquire();
  counters.with("new").add();
  metrics.counter("another", "A.").add();
  auto other = metrics.callback(MetricKind::kGauge, "slow", "S.", {{"x", "2"}}, [] { return 2.0; });
  other = Registration();
  go_on.release();
  scrape.join();
  EXPECT_THAT(text, HasSubstr("slow{x=\"1\"} 1\n"));
}

TEST(Callback, IsNeverCalledOnceItsRegistrationIsGone) {
  MetricRegistry metrics;
  std::atomic<bool> done = false;
  std::thread scraper([&] {
    while (!done) (void)metrics.text();
  });
  for (int i = 0; i < 2000; ++i) {
    auto owned = std::make_unique<double>(i); // the sanitizers see a call that comes too late
    const Registration registration = metrics.callback(MetricKind::kGauge, "d", "D.", {},
                                                       [value = owned.get()] { return *value; });
  }
  done = true;
  scraper.join();
  EXPECT_THAT(metrics.text(), Not(HasSubstr("\nd ")));
}

TEST(Callback, ARegistrationMayOutliveItsRegistry) {
  Registration kept;
  MetricRegistry metrics;
  kept = metrics.callback(MetricKind::kGauge, "d", "D.", {}, [] { return 1.0; });
}

TEST(Callback, ARegistrationCanBeMoved) {
  MetricRegistry metrics;
  Registration kept;
  {
    Registration made = metrics.callback(MetricKind::kCounter, "c", "C.", {}, [] { return 1.0; });
    kept = std::move(made);
  }
  EXPECT_THAT(metrics.text(), HasSubstr("\nc 1\n"));
  kept = Registration();
  EXPECT_THAT(metrics.text(), Not(HasSubstr("\nc 1\n")));
}

} // namespace
} // namespace raglan::telemetry
