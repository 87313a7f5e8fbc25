#include "base/result.h"

#include <set>

#include <gtest/gtest.h>

namespace raglan {
namespace {

TEST(Result, EveryCodeHasItsOwnName) {
  std::set<std::string_view> names;
  const int count = static_cast<int>(ErrorCode::kCorrupt) + 1;
  for (int code = 0; code < count; ++code) {
    const std::string_view name = error_code_name(static_cast<ErrorCode>(code));
    names.insert(name);
    EXPECT_EQ(error_code_from_name(name), static_cast<ErrorCode>(code));
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(count));
  EXPECT_FALSE(error_code_from_name("no_such_code"));
}

TEST(Result, ForwardingKeepsTheWholeError) {
  Result<int> inner = fail(ErrorCode::kInvalidField, "must be positive", "/top_k");
  const Result<std::string> outer = forward_error(inner);
  ASSERT_FALSE(outer);
  EXPECT_EQ(outer.error().code, ErrorCode::kInvalidField);
  EXPECT_EQ(outer.error().message, "must be positive");
  EXPECT_EQ(outer.error().param, "/top_k");
}

TEST(Result, TheReasonIsForOperatorsBesideTheMessage) {
  Error error{ErrorCode::kUnavailable, "no connection", {}};
  EXPECT_EQ(explain(error), "no connection");
  error.reason = "db.internal refused it";
  EXPECT_EQ(explain(error), "no connection: db.internal refused it");
}

} // namespace
} // namespace raglan
