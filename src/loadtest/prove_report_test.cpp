#include "loadtest/prove_report.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json_text.h"

namespace raglan::loadtest {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<Row> rows() {
  const Claim measured{
      .id = "cache.a", .text = "a <b> is fast", .promise = {.min = 10, .max = 100, .unit = "x"}};
  Outcome outcome{.off_is = "without",
                  .on_is = "with & without",
                  .off = {12.5, 12, 13},
                  .on = {0.5, 0.5, 0.75},
                  .unit = "ms",
                  .ratio = 25,
                  .judged = 25,
                  .notes = "3 times"};
  outcome.plots.push_back({"hits", "size", "%", {{"lru", {{1, 2}, {2, kInfinity}}}}});
  const Claim missing{.id = "cache.b", .text = "b", .promise = {.max = 0, .unit = "calls"}};
  return {make_row(measured, std::move(outcome), 1),
          make_row(missing, fail(ErrorCode::kUnavailable, "no Redis"), 0)};
}

TEST(ProveJson, HasTheShapeThatScriptsRelyOn) {
  const auto report = prove_json({.version = "1", .cpu = "a", .cores = 2}, rows());
  EXPECT_EQ(report.at("machine").at("cores").as_int64(), 2);
  const auto& measured = report.at("rows").at(0);
  EXPECT_EQ(measured.at("id").as_string(), "cache.a");
  EXPECT_EQ(json_text(measured.at("promise")), R"({"min":10.0,"max":100.0,"unit":"x"})");
  EXPECT_EQ(measured.at("off").as_double(), 12.5);
  EXPECT_EQ(measured.at("on").as_double(), 0.5);
  EXPECT_EQ(measured.at("ratio").as_double(), 25);
  EXPECT_EQ(measured.at("result").as_string(), "pass");
  EXPECT_EQ(json_text(measured.at("plots").at(0).at("series").at(0).at("points")),
            "[[1.0,2.0],[2.0,null]]");
}

TEST(ProveJson, WhatWasNotMeasuredIsNullAndSaysWhy) {
  const auto row = prove_json({}, rows()).at("rows").at(1);
  EXPECT_EQ(json_text(row.at("promise")), R"({"min":null,"max":0.0,"unit":"calls"})");
  for (const char* name : {"off", "on", "ratio"}) EXPECT_TRUE(row.at(name).is_null()) << name;
  EXPECT_EQ(row.at("result").as_string(), "not_measurable");
  EXPECT_EQ(row.at("reason").as_string(), "no Redis");
}

TEST(ProveTable, HasALineForEachRow) {
  const std::string table = prove_table({}, rows());
  EXPECT_THAT(table, testing::ContainsRegex("\ncache.b +not measurable: no Redis"));
  EXPECT_THAT(table, HasSubstr("pass"));
  EXPECT_THAT(table, HasSubstr("off: without (12 to 13)"));
}

TEST(ProveHtml, EscapesTextsAndNeedsNoOtherFile) {
  const std::string page = prove_html({.cpu = "<script>"}, rows());
  EXPECT_THAT(page, HasSubstr("a &lt;b&gt; is fast"));
  EXPECT_THAT(page, HasSubstr("with &amp; without"));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("http")));
  EXPECT_THAT(page, HasSubstr("<svg"));
}

TEST(SvgPlot, LeavesOutWhatIsNoNumberAndHoldsOnePoint) {
  const std::string svg = svg_plot({"t", "x", "y", {{"s", {{3, 3}, {4, kInfinity}}}}});
  EXPECT_THAT(svg, Not(HasSubstr("inf")));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg_plot({}), Not(HasSubstr("nan")));
}

} // namespace
} // namespace raglan::loadtest
