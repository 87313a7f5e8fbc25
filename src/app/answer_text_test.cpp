#include "app/answer_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace raglan::app {
namespace {

namespace json = boost::json;
using testing::HasSubstr;
using testing::Not;

TEST(AnswerText, ShowsAnswerSourcesAndTimes) {
  const auto reply = json::parse(R"({"answer":"Run VACUUM. [1]","sources":[{"n":1,
      "title":"VACUUM","title_path":"Reference > VACUUM","uri":"sql-vacuum.html","text":"Run VACUUM.",
      "score":0.7512,"start":10,"end":21}],"timings_ms":{"embed":12.5,"total":14.25}})");
  const std::string text = answer_text(reply, false);
  EXPECT_THAT(text, HasSubstr("Run VACUUM. [1]\n"));
  EXPECT_THAT(text, HasSubstr("[1] Reference > VACUUM\n"));
  EXPECT_THAT(text, HasSubstr("sql-vacuum.html bytes 10-21, score 0.751"));
  EXPECT_THAT(text, HasSubstr("embed 12.50 ms · total 14.25 ms"));
  EXPECT_THAT(text, Not(HasSubstr("\033")));
}

TEST(AnswerText, SaysThatPassagesAreNoAnswerWhenNothingWasFound) {
  const auto reply = json::parse(R"({"answer":"Nothing.","found":false,"sources":[{"n":1}]})");
  EXPECT_THAT(answer_text(reply, false), HasSubstr("Nothing.\n\nThe nearest passages:\n"));
}

TEST(AnswerText, TakesAnyJsonWithoutFailing) {
  for (const char* text : {"null", "[]", "{}", R"({"answer":7,"sources":[null,{"n":"x"}]})",
                           R"({"sources":{},"timings_ms":[1]})"}) {
    (void)answer_text(json::parse(text), true);
    (void)comparison_text(json::parse(text), json::parse(text));
  }
}

TEST(AnswerText, EscapeSequencesOfADocumentDoNotReachTheTerminal) {
  const auto reply = json::parse(R"({"answer":"a\u001b[31mred\u0007"})");
  EXPECT_THAT(answer_text(reply, false), Not(HasSubstr("\033")));
  EXPECT_THAT(answer_text(reply, false), Not(HasSubstr("\007")));
}

TEST(AnswerText, NeitherDoC1ControlsNorTheNamesThatANodeGives) {
  const auto reply = json::parse(
      "{\"answer\":\"a\xc2\x9b"
      "31mred\xc2\x85\",\"sources\":[{\"n\":1,"
      "\"title\":\"t\\u009b2J\",\"text\":\"p\\u0090q\"}],"
      "\"timings_ms\":{\"e\\u009bmbed\":1}}");
  const std::string text = answer_text(reply, false);
  EXPECT_THAT(text, Not(HasSubstr("\xc2")));
  EXPECT_THAT(text, HasSubstr("a 31mred"));
  EXPECT_THAT(text, HasSubstr("t 2J"));
}

TEST(AnswerText, NumbersThatNoIntegerHoldsAreShownSafely) {
  const auto reply = json::parse(R"({"answer":"a","sources":[{"n":1e300,"start":-5,"end":1e30}],
      "degraded":{"level":1e99},"timings_ms":{"total":1e300}})");
  const std::string text = answer_text(reply, false);
  EXPECT_THAT(text, HasSubstr("[18446744073709551615]"));
  EXPECT_THAT(text, HasSubstr("bytes 0-18446744073709551615"));
}

TEST(ComparisonText, SaysHowMuchFasterACachedAnswerIs) {
  const auto first = json::parse(R"({"cache":{"status":"miss"},"timings_ms":{"total":40}})");
  const auto second = json::parse(R"({"cache":{"status":"hit"},"timings_ms":{"total":0.2}})");
  EXPECT_EQ(comparison_text(first, second),
            "again: 0.200 ms from the query cache, 200 times as fast\n");
  EXPECT_EQ(comparison_text(first, first), "again: 40.00 ms, not cached\n");
}

TEST(WrapText, BreaksAtBlanksAndKeepsLongWordsWhole) {
  EXPECT_EQ(wrap_text("one two three", 7, "  "), "  one two\n  three\n");
  EXPECT_EQ(wrap_text("abcdefghij k", 4, ""), "abcdefghij\nk\n");
  EXPECT_EQ(wrap_text("", 4, ""), "");
}

TEST(AnswerText, SaysWhyALanguageModelHasNotAnswered) {
  const auto reply = boost::json::parse(
      R"({"answer":null,"found":true,"degraded":{"level":2,"reasons":["generator_unavailable"]},
          "sources":[{"n":1,"title":"T","document_id":"d","text":"x","score":1,"start":0,"end":1}]})");
  EXPECT_THAT(
      answer_text(reply, false),
      testing::StartsWith("The language model has not answered (generator_unavailable). The "
                          "nearest passages:\n\n[1] T\n"));
}

} // namespace
} // namespace raglan::app
