#include "config/units.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace raglan::config {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

TEST(Duration, EveryUnitParses) {
  EXPECT_EQ(parse_duration("7ns"), 7ns);
  EXPECT_EQ(parse_duration("7us"), 7us);
  EXPECT_EQ(parse_duration("50ms"), 50ms);
  EXPECT_EQ(parse_duration("30s"), 30s);
  EXPECT_EQ(parse_duration("5m"), 5min);
  EXPECT_EQ(parse_duration("1h"), 1h);
  EXPECT_EQ(parse_duration("1d"), 24h);
  EXPECT_EQ(parse_duration("0s"), 0s);
}

TEST(Duration, PartsFractionsAndSpacesParse) {
  EXPECT_EQ(parse_duration("1h30m"), 90min);
  EXPECT_EQ(parse_duration("1.5s"), 1500ms);
  EXPECT_EQ(parse_duration(" 30 s "), 30s);
}

TEST(Duration, ABareNumberLacksItsUnit) {
  EXPECT_THAT(parse_duration("30").error(), HasSubstr("has no unit"));
  EXPECT_THAT(parse_duration("0").error(), HasSubstr("has no unit"));
  EXPECT_THAT(parse_duration("1h30").error(), HasSubstr("has no unit"));
}

TEST(Duration, NonsenseIsRefusedWithAdvice) {
  for (const char* text : {"", " ", "s", "-5s", "+5s", "1..5s", "1e3s", ".", "soon", "5s,"}) {
    const auto parsed = parse_duration(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_THAT(parsed.error(), HasSubstr("30s")) << text;
  }
  EXPECT_THAT(parse_duration("5weeks").error(), HasSubstr("unknown unit \"weeks\""));
}

TEST(Duration, OverflowIsRefused) {
  EXPECT_TRUE(parse_duration("106000d"));
  EXPECT_FALSE(parse_duration("107000d"));
  EXPECT_FALSE(parse_duration("99999999999999999999999d"));
}

TEST(Duration, PrintsTheLargestUnitThatDivides) {
  EXPECT_EQ(print_duration(3600s), "1h");
  EXPECT_EQ(print_duration(90s), "90s");
  EXPECT_EQ(print_duration(48h), "2d");
  EXPECT_EQ(print_duration(1500ms), "1500ms");
  EXPECT_EQ(print_duration(0s), "0s");
  EXPECT_EQ(print_duration(1ns), "1ns");
}

TEST(Bytes, UnitsOfTenAndOfTwoDiffer) {
  EXPECT_EQ(parse_bytes("64MB"), 64'000'000u);
  EXPECT_EQ(parse_bytes("64MiB"), 64u << 20);
  EXPECT_EQ(parse_bytes("1GiB"), 1u << 30);
  EXPECT_EQ(parse_bytes("1kB"), 1000u);
  EXPECT_EQ(parse_bytes("1KB"), 1000u);
  EXPECT_EQ(parse_bytes("512B"), 512u);
  EXPECT_EQ(parse_bytes("1.5KiB"), 1536u);
  EXPECT_EQ(parse_bytes("2 TiB"), 2ULL << 40);
}

TEST(Bytes, ABareNumberIsExactToTheLastByte) {
  EXPECT_EQ(parse_bytes("0"), 0u);
  EXPECT_EQ(parse_bytes("9007199254740993"), 9007199254740993u);       // 2^53 + 1
  EXPECT_EQ(parse_bytes("9223372036854775807"), 9223372036854775807u); // 2^63 - 1, the maximum
  EXPECT_EQ(parse_bytes("9007199254740993B"), 9007199254740993u);
}

TEST(Bytes, AmbiguousOrImpossibleAmountsAreRefused) {
  EXPECT_THAT(parse_bytes("64M").error(), HasSubstr("unknown unit \"M\""));
  EXPECT_THAT(parse_bytes("64M").error(), HasSubstr("MiB"));
  for (const char* text :
       {"", "-1", "MB", "0.5B", "1MB2", "99999999TiB", "9223372036854775808", "1.2.3MB"}) {
    EXPECT_FALSE(parse_bytes(text)) << text;
  }
}

TEST(Bytes, PrintingRoundTrips) {
  for (const std::uint64_t bytes :
       {0ULL, 1ULL, 1000ULL, 1024ULL, 1536ULL, 64'000'000ULL, 1ULL << 40}) {
    EXPECT_EQ(parse_bytes(print_bytes(bytes)), bytes) << print_bytes(bytes);
  }
  EXPECT_EQ(print_bytes(64 << 20), "64MiB");
  EXPECT_EQ(print_bytes(64'000'000), "64MB");
}

TEST(Ratio, ANumberIsAPercentage) {
  EXPECT_EQ(parse_ratio("70"), 0.7);
  EXPECT_EQ(parse_ratio("70%"), 0.7);
  EXPECT_EQ(parse_ratio("0"), 0.0);
  EXPECT_EQ(parse_ratio("1"), 0.01);
  EXPECT_EQ(parse_ratio("0.5%"), 0.005);
}

TEST(Ratio, BetweenZeroAndOneNeedsItsSign) {
  EXPECT_THAT(parse_ratio("0.7").error(), HasSubstr("\"70%\" for 0.7"));
  EXPECT_THAT(parse_ratio("0.7").error(), HasSubstr("\"0.7%\""));
}

TEST(Ratio, PrintsWithoutRoundingNoise) {
  EXPECT_EQ(print_ratio(0.07), "7%");
  EXPECT_EQ(print_ratio(0.005), "0.5%");
  EXPECT_EQ(print_ratio(1), "100%");
}

TEST(Number, TheWholeTextMustBeOne) {
  EXPECT_EQ(parse_integer("-12"), -12);
  EXPECT_EQ(parse_number("2.5e3"), 2500.0);
  for (const char* text : {"", "1x", "0x10", "1.0"}) EXPECT_FALSE(parse_integer(text)) << text;
  for (const char* text : {"", "1x", "nan", "inf"}) EXPECT_FALSE(parse_number(text)) << text;
  EXPECT_THAT(parse_integer("99999999999999999999").error(), HasSubstr("too large"));
}

} // namespace
} // namespace raglan::config
