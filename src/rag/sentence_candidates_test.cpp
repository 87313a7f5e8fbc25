#include "rag/sentence_candidates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace raglan::rag {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> quotes_of(std::string_view text, std::string_view title_path = "") {
  std::vector<std::string> sentences;
  for (const QuotableSentence& found : quotable_sentences(text, title_path)) {
    sentences.emplace_back(text.substr(found.start, found.end - found.start));
  }
  return sentences;
}

TEST(QuotableSentences, AreThoseOfTheProse) {
  EXPECT_THAT(
      quotes_of("VACUUM reclaims storage of dead tuples. It can run at any time of day."),
      ElementsAre("VACUUM reclaims storage of dead tuples.", "It can run at any time of day."));
}

TEST(QuotableSentences, AreNoHeadings) {
  const std::string text =
      "Routine Vacuuming\n\nPostgreSQL databases require periodic maintenance known as vacuuming.";
  const auto sentence = "PostgreSQL databases require periodic maintenance known as vacuuming.";
  EXPECT_THAT(quotes_of(text), ElementsAre(sentence));
  EXPECT_THAT(quotes_of("Is it routine vacuuming now.\n" + std::string(sentence),
                        "Manual > Is it routine vacuuming now."),
              ElementsAre(sentence));
}

TEST(QuotableSentences, AreNoQuestionsFragmentsOrCode) {
  EXPECT_THAT(quotes_of("How do I vacuum a table by hand?"), IsEmpty());
  EXPECT_THAT(quotes_of("See also above."), IsEmpty());
  EXPECT_THAT(quotes_of("SELECT a, b FROM t WHERE (a = 1) AND (b = $2) || '%'; -- 12."), IsEmpty());
  EXPECT_THAT(quotes_of("A sentence that is not brought to its end because the chunk was cut"),
              IsEmpty());
}

TEST(QuotableSentences, TakeAlongWhatTheirColonAnnounces) {
  const std::string text =
      "To make a dump of one database, run:\n\npg_dump dbname > dumpfile\n\n"
      "The dump is consistent even while the database is in use.";
  EXPECT_THAT(quotes_of(text),
              ElementsAre("To make a dump of one database, run:\n\npg_dump dbname > dumpfile",
                          "The dump is consistent even while the database is in use."));
  const auto found = quotable_sentences(text, "");
  EXPECT_EQ(text.substr(0, found[0].sentence_end), "To make a dump of one database, run:");
}

TEST(QuotableSentences, ThatBreakOffBeforeACommandTakeItAlong) {
  EXPECT_THAT(
      quotes_of("The general command form to restore a dump is\n\npsql dbname < dumpfile\n\n"
                "where dumpfile is the file output by the pg_dump command."),
      ElementsAre("The general command form to restore a dump is\n\npsql dbname < dumpfile",
                  "where dumpfile is the file output by the pg_dump command."));
}

TEST(QuotableSentences, TakeTheTermThatTheyDefineAlong) {
  EXPECT_THAT(
      quotes_of("max_connections (integer)\n\nDetermines the maximum number of connections. "
                "The default is typically 100 connections.\n\n"
                "Reserved Slots\n\nSome of them are kept for superusers only."),
      ElementsAre("max_connections (integer)\n\n"
                  "Determines the maximum number of connections.",
                  "The default is typically 100 connections.",
                  "Some of them are kept for superusers only."));
}

TEST(QuotableSentences, AreNoRowsOfTables) {
  EXPECT_THAT(quotes_of("query-done | (const char *) | Probe that fires when the query is done."),
              IsEmpty());
}

TEST(QuotableSentences, AnAnnouncementOfNothingIsNone) {
  EXPECT_THAT(quotes_of("To make a dump of one database, run:"), IsEmpty());
  EXPECT_THAT(quotes_of("To make a dump of one database, run:\n\n" + std::string(1000, 'x')),
              IsEmpty());
}

TEST(QuotableSentences, AreBoundedInLength) {
  std::string text = "This sentence goes on";
  while (text.size() <= kMaxSentenceBytes) text += " and on";
  EXPECT_THAT(quotes_of(text + "."), IsEmpty());
  EXPECT_THAT(quotes_of(""), IsEmpty());
}

} // namespace
} // namespace raglan::rag
