#include "http/retry_after.h"

#include <gtest/gtest.h>

namespace raglan::http {
namespace {

using namespace std::chrono_literals;

// Sun, 06 Nov 1994 08:49:37 GMT
const WallTime kNow = std::chrono::system_clock::from_time_t(784111777);

std::optional<Duration> wait(std::string_view value) {
  return retry_after({{"Retry-After", std::string(value)}}, kNow);
}

TEST(RetryAfter, IsInSecondsOrADate) {
  EXPECT_EQ(wait("0"), 0s);
  EXPECT_EQ(wait("120"), 120s);
  EXPECT_EQ(wait("Sun, 06 Nov 1994 08:50:07 GMT"), 30s);
  EXPECT_EQ(wait("Sun, 06 Nov 1994 08:49:07 GMT"), 0s); // has passed
}

TEST(RetryAfter, MillisecondsAreFiner) {
  EXPECT_EQ(retry_after({{"retry-after", "2"}, {"retry-after-ms", "1250"}}, kNow), 1250ms);
  EXPECT_EQ(retry_after({{"retry-after", "2"}, {"retry-after-ms", "soon"}}, kNow), 2s);
}

TEST(RetryAfter, MoreThanAYearIsAYear) {
  constexpr Duration kYear = 366 * 24h;
  for (const char* value :
       {"999999999999", "99999999999999999999", "Sun, 06 Nov 2994 08:50:07 GMT"}) {
    EXPECT_EQ(wait(value), kYear) << value;
  }
}

TEST(RetryAfter, WhatCannotBeReadIsNotThere) {
  EXPECT_EQ(retry_after({}, kNow), std::nullopt);
  for (const char* value :
       {"", "-1", "-99999999999999999999", "1.5", "1e9", "soon", "Sun, 06 Nov 1994 08:50:07"}) {
    EXPECT_EQ(wait(value), std::nullopt) << value;
  }
}

} // namespace
} // namespace raglan::http
