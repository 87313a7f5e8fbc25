#include "rag/sentence_candidates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace raglan::rag {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// With the term that they define in front.
std::vector<std::string> pieces_of(std::string_view text, std::string_view title_path, bool loose) {
  std::vector<std::string> sentences;
  for (const QuotableSentence& found : quotable_sentences(text, title_path)) {
    if (found.loose != loose) continue;
    std::string sentence(text.substr(found.term_start, found.term_end - found.term_start));
    if (!sentence.empty()) sentence += ": ";
    sentences.push_back(sentence.append(text.substr(found.start, found.end - found.start)));
  }
  return sentences;
}

std::vector<std::string> quotes_of(std::string_view text, std::string_view title_path = "") {
  return pieces_of(text, title_path, false);
}

std::vector<std::string> loose_of(std::string_view text, std::string_view title_path = "") {
  return pieces_of(text, title_path, true);
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
      quotes_of("Some of them are kept for superusers only.\n\n"
                "max_connections (integer)\n\nDetermines the maximum number of connections. "
                "The default is typically 100 connections.\n\n"
                "This parameter can only be set at server start.\n\n"
                "superuser_reserved_connections (integer)\n\n"
                "The default value is three connections."),
      ElementsAre("Some of them are kept for superusers only.",
                  "max_connections (integer): Determines the maximum number of connections.",
                  "max_connections (integer): The default is typically 100 connections.",
                  "max_connections (integer): This parameter can only be set at server start.",
                  "superuser_reserved_connections (integer): "
                  "The default value is three connections."));
}

TEST(QuotableSentences, ATermIsDefinedDownToTheNextHeading) {
  EXPECT_THAT(quotes_of("max_connections (integer)\n\nDetermines the maximum number.\n\n"
                        "Reserved Slots\n\nSome of them are kept for superusers only.",
                        "Settings > Reserved Slots"),
              ElementsAre("max_connections (integer): Determines the maximum number.",
                          "Some of them are kept for superusers only."));
}

TEST(QuotableSentences, WithNumbersAndDatesAreProse) {
  for (const std::string sentence :
       {"Version 3.2.1 was released on 2024-03-15.",
        "In 2023 the revenue was $1,234,567 (up 12.5%).",
        "Dr. Smith was born on 12 May 1987 in Leeds.", "法国的首都是巴黎。"}) {
    EXPECT_THAT(quotes_of(sentence), ElementsAre(sentence));
  }
}

TEST(QuotableSentences, WhatIsNoProseIsLoose) {
  EXPECT_THAT(
      loose_of("- The default port is 8080\n- The badger is called Bea\n\nZeta is blue."),
      ElementsAre("- The default port is 8080", "- The badger is called Bea", "Zeta is blue."));
  EXPECT_THAT(loose_of("port | the default is 8080\nhost | the default is localhost"),
              ElementsAre("port | the default is 8080", "host | the default is localhost"));
}

TEST(QuotableSentences, HeadingsQuestionsAndAnnouncementsAreNotEvenLoose) {
  EXPECT_THAT(loose_of("Routine Vacuuming\n\nHow do I vacuum a table by hand?\n\nRun this:",
                       "Manual > Routine Vacuuming"),
              IsEmpty());
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
