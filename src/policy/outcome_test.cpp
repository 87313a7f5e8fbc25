#include "policy/outcome.h"

#include <gtest/gtest.h>

namespace raglan::policy {
namespace {

TEST(Outcome, OfStatuses) {
  for (const int status : {200, 204, 299, 304, 399}) {
    EXPECT_EQ(outcome_of_status(status, false), Outcome::kSuccess) << status;
  }
  for (const int status : {400, 404, 408, 429, 499}) {
    EXPECT_EQ(outcome_of_status(status, false), Outcome::kNeutral) << status;
    EXPECT_EQ(outcome_of_status(status, true), Outcome::kNeutral) << status;
  }
  for (const int status : {500, 502, 503, 504, 599}) {
    EXPECT_EQ(outcome_of_status(status, false), Outcome::kFailure) << status;
  }
}

TEST(Outcome, OnlyA503IsExcusedByRetryAfter) {
  EXPECT_EQ(outcome_of_status(503, true), Outcome::kNeutral);
  EXPECT_EQ(outcome_of_status(500, true), Outcome::kFailure);
  EXPECT_EQ(outcome_of_status(502, true), Outcome::kFailure);
  EXPECT_EQ(outcome_of_status(504, true), Outcome::kFailure);
}

TEST(Outcome, OfErrors) {
  for (const auto code :
       {ErrorCode::kUnavailable, ErrorCode::kUpstream, ErrorCode::kDeadlineExceeded}) {
    EXPECT_EQ(outcome_of_error(code), Outcome::kFailure) << error_code_name(code);
  }
  for (const auto code : {ErrorCode::kClientClosed, ErrorCode::kOverloaded, ErrorCode::kRateLimited,
                          ErrorCode::kMalformedRequest}) {
    EXPECT_EQ(outcome_of_error(code), Outcome::kNeutral) << error_code_name(code);
  }
}

} // namespace
} // namespace raglan::policy
