#include "loadtest/claim.h"

#include <limits>

#include <gtest/gtest.h>

namespace raglan::loadtest {
namespace {

TEST(Verdict, ExactlyThePromiseIsKept) {
  const Promise at_least{.min = 10, .max = 100, .unit = "x"};
  EXPECT_EQ(judge(at_least, 10), Verdict::kPass);
  EXPECT_EQ(judge(at_least, 9.999), Verdict::kFail);
  const Promise at_most{.max = 1.05, .unit = "per TTL"};
  EXPECT_EQ(judge(at_most, 1.05), Verdict::kPass);
  EXPECT_EQ(judge(at_most, 1.0501), Verdict::kFail);
  const Promise none{.max = 0, .unit = "calls"};
  EXPECT_EQ(judge(none, 0), Verdict::kPass);
  EXPECT_EQ(judge(none, 1), Verdict::kFail);
}

TEST(Verdict, MoreThanWasHopedForIsNoFailure) {
  EXPECT_EQ(judge({.min = 10, .max = 100, .unit = "x"}, 3'000), Verdict::kPass);
  EXPECT_EQ(judge({.min = 10, .unit = "x"}, std::numeric_limits<double>::infinity()),
            Verdict::kPass);
}

TEST(Verdict, WhatIsNotANumberFails) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(judge({.min = 1, .unit = "x"}, nan), Verdict::kFail);
  EXPECT_EQ(judge({.max = 1, .unit = "x"}, nan), Verdict::kFail);
}

TEST(Row, WhatCannotBeMeasuredSaysWhy) {
  const Claim claim{.id = "a.b", .text = "a is b", .promise = {.min = 2, .unit = "x"}};
  const Row row = make_row(claim, fail(ErrorCode::kUnavailable, "no Redis"), 0.5);
  EXPECT_EQ(row.verdict, Verdict::kNotMeasurable);
  EXPECT_EQ(row.reason, "no Redis");
  EXPECT_FALSE(row.outcome);
  const Row measured = make_row(claim, Outcome{.ratio = 2, .judged = 2}, 0.5);
  EXPECT_EQ(measured.verdict, Verdict::kPass);
  EXPECT_TRUE(measured.reason.empty());
}

TEST(Promise, IsReadable) {
  EXPECT_EQ(promise_text({.min = 10, .max = 100, .unit = "x"}), "≥ 10x (hoped for: 100x)");
  EXPECT_EQ(promise_text({.min = 80, .unit = "%"}), "≥ 80%");
  EXPECT_EQ(promise_text({.max = 100, .unit = "ms"}), "≤ 100 ms");
}

} // namespace
} // namespace raglan::loadtest
