#include "base/json_lookup.h"

#include <limits>

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

#include "base/unix_time.h"

namespace raglan {
namespace {

namespace json = boost::json;

TEST(JsonLookup, WhatIsThereIsFound) {
  const auto value = json::parse(R"({"t":"x","n":1.5,"c":7,"o":{},"a":[]})");
  EXPECT_EQ(text_at(value, "t"), "x");
  EXPECT_EQ(number_at(value, "n"), 1.5);
  EXPECT_EQ(number_at(value, "c"), 7);
  EXPECT_EQ(count_at(value, "c"), 7U);
  EXPECT_NE(object_at(value, "o"), nullptr);
  EXPECT_NE(array_at(value, "a"), nullptr);
}

TEST(JsonLookup, WhatIsMissingOrOfAnotherTypeReadsAsNothing) {
  for (const char* text : {"null", "[]", "7", "{}", R"({"x":null})", R"({"x":true})"}) {
    const auto value = json::parse(text);
    EXPECT_EQ(text_at(value, "x"), "");
    EXPECT_EQ(number_at(value, "x"), 0);
    EXPECT_EQ(count_at(value, "x"), 0U);
    EXPECT_EQ(object_at(value, "x"), nullptr);
    EXPECT_EQ(array_at(value, "x"), nullptr);
  }
}

TEST(JsonLookup, NumbersThatFitNoIntegerAreStillCounts) {
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(count_at({{"x", 1e300}}, "x"), kMost);
  EXPECT_EQ(count_at({{"x", 18446744073709551616.0}}, "x"), kMost);
  EXPECT_EQ(count_at({{"x", kMost}}, "x"), kMost);
  EXPECT_EQ(count_at({{"x", 2.9}}, "x"), 2U);
  EXPECT_EQ(count_at({{"x", -1}}, "x"), 0U);
  EXPECT_EQ(count_at({{"x", -1e300}}, "x"), 0U);
  EXPECT_EQ(count_at({{"x", std::numeric_limits<double>::quiet_NaN()}}, "x"), 0U);
  EXPECT_EQ(number_at({{"x", std::numeric_limits<double>::quiet_NaN()}}, "x"), 0);
  EXPECT_EQ(number_at({{"x", std::numeric_limits<double>::infinity()}}, "x"), 0);
}

TEST(JsonLookup, TimesAreMillisecondsOrNone) {
  EXPECT_EQ(time_at({{"x", 1'800'000'000'123}}, "x"), from_unix_milliseconds(1'800'000'000'123));
  EXPECT_EQ(time_at({{"x", 0}}, "x"), WallTime());
  EXPECT_EQ(time_at({{"x", -1}}, "x"), WallTime());
  EXPECT_EQ(time_at({{"x", nullptr}}, "x"), std::nullopt);
  EXPECT_EQ(time_at({{"x", "1"}}, "x"), std::nullopt);
  EXPECT_EQ(time_at({{"y", 1}}, "x"), std::nullopt);
  EXPECT_LE(time_at({{"x", 1e300}}, "x"), WallTime::max()); // and no overflow
}

} // namespace
} // namespace raglan
