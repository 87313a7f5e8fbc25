#include "export/text.h"

#include <gtest/gtest.h>

namespace raglan::exporting {
namespace {

using std::chrono::milliseconds;

TEST(ExportText, BreaksCommentsToThePage) {
  Text text("#");
  std::string words;
  for (int i = 0; i < 40; ++i) words += "word ";
  text.comment(words + "end", 4);
  const std::string out = text.take();
  EXPECT_EQ(out.find("    # word word"), 0u);
  std::size_t begin = 0;
  while (begin < out.size()) {
    const std::size_t end = out.find('\n', begin);
    EXPECT_LE(end - begin, 96u);
    EXPECT_EQ(out.compare(begin, 6, "    # "), 0);
    begin = end + 1;
  }
  EXPECT_EQ(out.substr(out.size() - 5), " end\n");
}

TEST(ExportText, SaysNothingForAnEmptyComment) {
  Text text("#");
  text.comment("");
  EXPECT_EQ(text.take(), "");
}

TEST(ExportText, WritesTimesAsEachTargetReadsThem) {
  EXPECT_EQ(short_time(milliseconds(5'000)), "5s");
  EXPECT_EQ(short_time(milliseconds(1'500)), "1500ms");
  EXPECT_EQ(proto_time(milliseconds(5'000)), "5s");
  EXPECT_EQ(proto_time(milliseconds(1'050)), "1.050s");
  EXPECT_EQ(seconds(milliseconds(5'000)), "5");
  EXPECT_EQ(seconds(milliseconds(500)), "0.5");
}

TEST(ExportText, RoundsSecondsUpWithinBounds) {
  EXPECT_EQ(whole_seconds(milliseconds(1'001)), 2);
  EXPECT_EQ(whole_seconds(milliseconds(200), 5, 300), 5);
  EXPECT_EQ(whole_seconds(milliseconds(400'000), 5, 300), 300);
}

} // namespace
} // namespace raglan::exporting
