#include "http/sse_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/sse.h"

namespace raglan::http {
namespace {

using testing::ElementsAre;

std::vector<std::string> parse(std::string_view text, std::size_t portion) {
  SseParser parser(1000);
  std::vector<std::string> seen;
  for (std::size_t at = 0; at < text.size(); at += portion) {
    for (const SseEvent& event : parser.feed(text.substr(at, portion))) {
      seen.push_back(event.event + "|" + event.data);
    }
  }
  return seen;
}

TEST(SseParser, AllLineEndsAreOneHoweverTheBytesArePortioned) {
  constexpr std::string_view kStream =
      "\xEF\xBB\xBF"
      "event: a\ndata: one\ndata:two\n\n: a comment\r\ndata:  three\r\n\r\ndata: four\r\r"
      "id: 7\n\ndata\n\nevent: lost\ndata: without an end\n";
  for (const std::size_t portion : {1, 2, 3, 7, 1000}) {
    EXPECT_THAT(parse(kStream, portion), ElementsAre("a|one\ntwo", "| three", "|four", "|"))
        << portion;
  }
}

TEST(SseParser, ReadsWhatIsFormattedHere) {
  EXPECT_THAT(parse(format_event("delta", "line 1\nline 2\r\nline 3"), 5),
              ElementsAre("delta|line 1\nline 2\nline 3"));
}

TEST(SseParser, AnEventAtTheLimitIsReadAndALongerOneIsNot) {
  const std::string at_limit = "data:" + std::string(5, 'x');
  SseParser parser(10);
  EXPECT_EQ(parser.feed(at_limit + "\n\n").size(), 1U);
  EXPECT_FALSE(parser.overflowed());
  EXPECT_TRUE(parser.feed(at_limit + "x\n\ndata:y\n\n").empty());
  EXPECT_TRUE(parser.overflowed());
  EXPECT_TRUE(parser.feed("data:z\n\n").empty());
}

} // namespace
} // namespace raglan::http
