#include "base/json_escape.h"

#include <gtest/gtest.h>

namespace raglan {
namespace {

TEST(JsonEscape, EscapesWhatMustBeAndNothingElse) {
  EXPECT_EQ(json_escape("a\"b\\c/d"), R"(a\"b\\c/d)");
  EXPECT_EQ(json_escape("\n\r\t"), R"(\n\r\t)");
  EXPECT_EQ(json_escape(std::string_view("\0\x01\x1f", 3)), R"(\u0000\u0001\u001f)");
  EXPECT_EQ(json_escape("\x20\x7f"), "\x20\x7f");
  EXPECT_EQ(json_escape("\xc3\xa9\xf0\x9f\x98\x80"), "\xc3\xa9\xf0\x9f\x98\x80");
  EXPECT_EQ(json_escape(""), "");
}

} // namespace
} // namespace raglan
