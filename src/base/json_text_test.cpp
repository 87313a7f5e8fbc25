#include "base/json_text.h"

#include <gtest/gtest.h>

#include <bit>
#include <boost/json/parse.hpp>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/rng.h"

namespace raglan {
namespace {

namespace json = boost::json;

TEST(JsonText, NumbersLookAsPeopleWriteThem) {
  EXPECT_EQ(json_text(json::array{0.25, 100000.0, -1.0, 0.0001, 7, 1e300}),
            "[0.25,100000.0,-1.0,0.0001,7,1e+300]");
}

TEST(JsonText, WhatHasNoTextIsNull) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(json_text(json::array{infinity, -infinity, std::nan("")}), "[null,null,null]");
}

TEST(JsonText, EveryKindReadsBackAsItWas) {
  const json::value value = {
      {"text", "a \"quoted\" line\n\x01 é"},
      {"", nullptr},
      {"empty", {{"array", json::array{}}, {"object", json::object{}}}},
      {"numbers",
       {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::uint64_t>::max(), 2.0}},
      {"flags", {true, false}}};
  EXPECT_EQ(json::parse(json_text(value)), value);
}

TEST(JsonText, AnyDoubleReadsBackAsItself) {
  Rng rng(7);
  for (int i = 0; i < 10'000; ++i) {
    const auto number = std::bit_cast<double>(rng());
    if (!std::isfinite(number)) continue;
    const std::string text = json_text(number);
    EXPECT_TRUE(json::parse(text).is_double());
    double back = 0; // not Boost's: its parser may be off by the last bit
    std::from_chars(text.data(), text.data() + text.size(), back);
    EXPECT_EQ(back, number);
  }
}

} // namespace
} // namespace raglan
