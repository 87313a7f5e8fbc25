#include "base/utf8.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace raglan {
namespace {

TEST(Utf8, TheFirstAndLastOfEachLengthAreValid) {
  for (const std::string& text :
       {std::string("\x00", 1), std::string("\x7f"), std::string("\xc2\x80"),
        std::string("\xdf\xbf"), std::string("\xe0\xa0\x80"), std::string("\xed\x9f\xbf"),
        std::string("\xee\x80\x80"), std::string("\xef\xbf\xbf"), std::string("\xf0\x90\x80\x80"),
        std::string("\xf4\x8f\xbf\xbf")}) {
    EXPECT_TRUE(is_valid_utf8(text)) << ::testing::PrintToString(text);
  }
  EXPECT_TRUE(is_valid_utf8(""));
}

TEST(Utf8, OverlongSurrogateTooLargeAndCutFormsAreInvalid) {
  for (const char* text :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf",
        "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xc2", "\xe1\x80",
        "\xf1\x80\x80", "\xc2\x41", "\xe1\x80\x41", "\xf1\x80\x80\x41"}) {
    EXPECT_FALSE(is_valid_utf8(text)) << ::testing::PrintToString(std::string(text));
  }
}

TEST(Utf8, ThePrefixEndsBeforeTheFirstInvalidByte) {
  EXPECT_EQ(valid_utf8_prefix("abcdefgh\xff"), 8u); // behind a whole word of ASCII
  EXPECT_EQ(valid_utf8_prefix("abc\xff"
                              "defghij"),
            3u);
  EXPECT_EQ(valid_utf8_prefix("\xc3\xa9\xe2\x82"), 2u);
  EXPECT_EQ(valid_utf8_prefix("\xff"), 0u);
}

// The example of the Unicode standard, table 3-8, and its neighbours.
TEST(Utf8, EachMaximalInvalidPartBecomesOneReplacement) {
  const std::string r = "\xef\xbf\xbd";
  EXPECT_EQ(replace_invalid_utf8("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41"),
            r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(replace_invalid_utf8("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41"), r + r + r + r + "A");
  EXPECT_EQ(replace_invalid_utf8("ok \xc3\xa9"), "ok \xc3\xa9");
  EXPECT_EQ(replace_invalid_utf8(""), "");
}

TEST(Utf8, ABoundaryNeverCutsACharacter) {
  const std::string text = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"; // a é € and an emoji: 10 bytes
  const std::vector<std::size_t> expected{0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
  for (std::size_t limit = 0; limit < expected.size(); ++limit) {
    EXPECT_EQ(utf8_boundary(text, limit), expected[limit]) << limit;
  }
}

} // namespace
} // namespace raglan
