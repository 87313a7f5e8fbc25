#include "policy/quota_headers.h"

#include <gtest/gtest.h>

namespace raglan::policy {
namespace {

using namespace std::chrono_literals;

// 2025-01-01T00:00:00Z.
constexpr WallTime kNow = std::chrono::sys_days(std::chrono::year(2025) / 1 / 1);

TEST(QuotaHeaders, ReadsOpenAi) {
  QuotaReport report;
  EXPECT_TRUE(read_quota_header("x-ratelimit-limit-requests", "60", kNow, report));
  EXPECT_TRUE(read_quota_header("X-RateLimit-Remaining-Requests", "59", kNow, report));
  EXPECT_TRUE(read_quota_header("x-ratelimit-reset-requests", "1s", kNow, report));
  EXPECT_TRUE(read_quota_header("x-ratelimit-limit-tokens", "150000", kNow, report));
  EXPECT_TRUE(read_quota_header("x-ratelimit-remaining-tokens", "149984", kNow, report));
  EXPECT_TRUE(read_quota_header("x-ratelimit-reset-tokens", "6m0s", kNow, report));
  EXPECT_EQ(report, (QuotaReport{{60, 59, 1s}, {150'000, 149'984, 6min}}));
}

TEST(QuotaHeaders, ReadsAnthropic) {
  QuotaReport report;
  EXPECT_TRUE(read_quota_header("anthropic-ratelimit-requests-limit", "50", kNow, report));
  EXPECT_TRUE(read_quota_header("anthropic-ratelimit-requests-remaining", "0", kNow, report));
  EXPECT_TRUE(read_quota_header("anthropic-ratelimit-requests-reset", "2025-01-01T00:00:30Z", kNow,
                                report));
  EXPECT_TRUE(read_quota_header("anthropic-ratelimit-tokens-limit", "40000", kNow, report));
  EXPECT_TRUE(read_quota_header("anthropic-ratelimit-tokens-remaining", "39000", kNow, report));
  EXPECT_TRUE(
      read_quota_header("anthropic-ratelimit-tokens-reset", "2025-01-01T00:01:00Z", kNow, report));
  EXPECT_EQ(report, (QuotaReport{{50, 0, 30s}, {40'000, 39'000, 1min}}));
}

TEST(QuotaHeaders, OtherHeadersAndNonsenseSayNothing) {
  QuotaReport report;
  EXPECT_FALSE(read_quota_header("content-type", "60", kNow, report));
  EXPECT_FALSE(read_quota_header("x-ratelimit-limit", "60", kNow, report));
  EXPECT_FALSE(
      read_quota_header("x-ratelimit-limit-tokens", "-1", kNow, report)); // Azure's unknown
  EXPECT_FALSE(read_quota_header("x-ratelimit-limit-requests", "sixty", kNow, report));
  EXPECT_FALSE(read_quota_header("x-ratelimit-limit-requests", "nan", kNow, report));
  EXPECT_FALSE(read_quota_header("x-ratelimit-limit-requests", "", kNow, report));
  EXPECT_FALSE(read_quota_header("x-ratelimit-reset-requests", "soon", kNow, report));
  EXPECT_EQ(report, QuotaReport{});
}

TEST(QuotaReset, GoDurations) {
  EXPECT_EQ(parse_quota_reset("20ms", kNow), 20ms);
  EXPECT_EQ(parse_quota_reset("1s", kNow), 1s);
  EXPECT_EQ(parse_quota_reset("6m0s", kNow), 6min);
  EXPECT_EQ(parse_quota_reset("1m30.951s", kNow), 90'951ms);
  EXPECT_EQ(parse_quota_reset("1h2m3s", kNow), 1h + 2min + 3s);
  EXPECT_EQ(parse_quota_reset("7.66\u00b5s", kNow), 7'660ns);
  EXPECT_EQ(parse_quota_reset("5\u03bcs", kNow), 5us);
  EXPECT_EQ(parse_quota_reset(" 0s ", kNow), 0s);
}

TEST(QuotaReset, SecondsAndUnixTimes) {
  EXPECT_EQ(parse_quota_reset("12", kNow), 12s);
  EXPECT_EQ(parse_quota_reset("0.5", kNow), 500ms);
  const auto unix_now = std::chrono::duration_cast<std::chrono::seconds>(kNow.time_since_epoch());
  EXPECT_EQ(parse_quota_reset(std::to_string(unix_now.count() + 30), kNow), 30s);
  EXPECT_EQ(parse_quota_reset(std::to_string(unix_now.count() - 30), kNow), 0s);
  EXPECT_EQ(parse_quota_reset(std::to_string((unix_now.count() + 30) * 1000), kNow), 30s);
}

TEST(QuotaReset, Rfc3339) {
  EXPECT_EQ(parse_quota_reset("2025-01-01T00:00:01Z", kNow), 1s);
  EXPECT_EQ(parse_quota_reset("2025-01-01t00:00:01z", kNow), 1s);
  EXPECT_EQ(parse_quota_reset("2025-01-01T00:00:01.25Z", kNow), 2s); // rounded up
  EXPECT_EQ(parse_quota_reset("2025-01-01T01:00:01+01:00", kNow), 1s);
  EXPECT_EQ(parse_quota_reset("2024-12-31T19:30:00-05:30", kNow), 1h);
  EXPECT_EQ(parse_quota_reset("2024-12-31T23:59:60Z", kNow), 0s); // a leap second
  EXPECT_EQ(parse_quota_reset("2020-02-29T00:00:00Z", kNow), 0s);
}

TEST(QuotaReset, NonsenseIsRefused) {
  for (const char* text :
       {"", " ", "-1", "-1s", "1 fortnight", "2025-02-30T00:00:00Z", "2025-01-01T24:00:00Z",
        "2025-01-01T00:00:00", "2025-01-01", "2025-01-01T00:00:00.Z", "2025-01-01T00:00:00+1:00",
        "2025-01-01T00:00:00Zz", "9999-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1e3", "inf",
        "99999999999999999999", "2025-13-01T00:00:00Z", "1000h"}) {
    EXPECT_FALSE(parse_quota_reset(text, kNow)) << text;
  }
}

} // namespace
} // namespace raglan::policy
