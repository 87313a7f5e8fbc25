#include "base/control_characters.h"

#include <gtest/gtest.h>

namespace raglan {
namespace {

TEST(ControlCharacters, AreC0DelAndC1AndNothingElse) {
  for (const std::string_view control :
       {std::string_view("\0", 1), std::string_view("\x1f"), std::string_view("\x7f")}) {
    EXPECT_EQ(control_character_bytes(control), 1U);
  }
  EXPECT_EQ(control_character_bytes("\xc2\x80"), 2U);
  EXPECT_EQ(control_character_bytes("\xc2\x9f"), 2U);
  for (const std::string_view other :
       {"", " ", "~", "\xc2\xa0", "\xc3\x80", "\xc2", "\xe2\x80\x9b"}) {
    EXPECT_EQ(control_character_bytes(other), 0U) << other;
  }
}

TEST(ControlCharacters, EscapedNothingIsLostAndNothingIsAmbiguous) {
  EXPECT_EQ(escape_control_characters("a\nb\r\tc\x1b[31m\x7f\xc2\x9b"),
            "a\\nb\\r\\tc\\x1b[31m\\x7f\\x9b");
  EXPECT_EQ(escape_control_characters(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(escape_control_characters("a\\nb"), "a\\\\nb");
  EXPECT_EQ(escape_control_characters("na\xc3\xafve \xe2\x82\xac"), "na\xc3\xafve \xe2\x82\xac");
  EXPECT_EQ(escape_control_characters("\x9b"), "\xef\xbf\xbd");
}

TEST(ControlCharacters, BlankedOnlyLineBreaksStay) {
  EXPECT_EQ(blank_control_characters("a\nb\rc\td\x1b e\xc2\x9b"
                                     "f\x7f"),
            "a\nb c d  e f ");
  EXPECT_EQ(blank_control_characters("\xc3\xa9"), "\xc3\xa9");
}

} // namespace
} // namespace raglan
