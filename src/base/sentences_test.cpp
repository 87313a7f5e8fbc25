#include "base/sentences.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "base/utf8.h"

namespace raglan {
namespace {

using Texts = std::vector<std::string>;

Texts sentences(std::string_view text) {
  Texts found;
  for (const auto [start, end] : split_sentences(text)) {
    found.emplace_back(text.substr(start, end - start));
  }
  return found;
}

TEST(Sentences, EndAtFullStopsQuestionAndExclamationMarks) {
  EXPECT_EQ(sentences("It works. Does it? Yes! Good…  Then on."),
            (Texts{"It works.", "Does it?", "Yes!", "Good…", "Then on."}));
  EXPECT_EQ(sentences("no end"), Texts{"no end"});
  EXPECT_EQ(sentences(""), Texts{});
  EXPECT_EQ(sentences(" \n\t\r\n "), Texts{});
}

TEST(Sentences, AreNotCutInNumbersVersionsNamesAndCode) {
  for (const char* one :
       {"Pi is 3.14159 and the version is 15.4.", "Edit postgresql.conf and pg_hba.conf first.",
        "Call a.b.c() or std::move(x.y); then x.z().", "See http://example.org/a.b?c=d.e now.",
        "Is ?x a variable?"}) {
    EXPECT_EQ(sentences(one), Texts{one});
  }
  EXPECT_EQ(sentences("This is version 15. It is new. In 1999. So"),
            (Texts{"This is version 15.", "It is new.", "In 1999.", "So"}));
}

TEST(Sentences, AreNotCutAfterAbbreviationsAndInitials) {
  for (const char* one :
       {"Use a tool, e.g. Perl, or i.e. the other.", "Dr. Smith met Mr. J. R. Doe.",
        "See Fig. 3 and Sec. 4, cf. No. 5 on p. 12.", "Codd et al. (1970) wrote it.",
        "Lists (trees etc. and more) vs. Arrays.", "The U.S. Army at 5 p.m. Tuesday."}) {
    EXPECT_EQ(sentences(one), Texts{one});
  }
  EXPECT_EQ(sentences("There is no. Yes there is."), (Texts{"There is no.", "Yes there is."}));
}

TEST(Sentences, MayBeginWithALowerCaseNameAfterAWholeWord) {
  EXPECT_EQ(sentences("Restart the server. pg_ctl does that."),
            (Texts{"Restart the server.", "pg_ctl does that."}));
  EXPECT_EQ(sentences("\"Really?\" he said."), Texts{"\"Really?\" he said."});
}

TEST(Sentences, KeepTheirClosingQuotesAndBrackets) {
  EXPECT_EQ(sentences("(He left.) “Why?” “So.” Fine."),
            (Texts{"(He left.)", "“Why?”", "“So.”", "Fine."}));
}

TEST(Sentences, EndAtBlankLinesAndBeforeListItemsButNotAtWrappedLines) {
  EXPECT_EQ(sentences("A heading\n\nA line that is\nwrapped. Next\r\n\r\nlast"),
            (Texts{"A heading", "A line that is\nwrapped.", "Next", "last"}));
  EXPECT_EQ(sentences("Do this:\n1. First it.\n2. Second\n- third\n* fourth\n• fifth\na) sixth"),
            (Texts{"Do this:", "1. First it.", "2. Second", "- third", "* fourth", "• fifth",
                   "a) sixth"}));
  EXPECT_EQ(sentences("a\n-1 is negative"), Texts{"a\n-1 is negative"});
}

TEST(Sentences, EndAtFullStopsOfOtherScriptsWithoutASpace) {
  EXPECT_EQ(sentences("これは文です。次の文！「はい。」終わり"),
            (Texts{"これは文です。", "次の文！", "「はい。」", "終わり"}));
  EXPECT_EQ(sentences("यह है। वह है।"), (Texts{"यह है।", "वह है।"}));
  EXPECT_EQ(sentences("Это есть. Он там. т.е. да"), (Texts{"Это есть.", "Он там. т.е. да"}));
}

// What chunking and citations rest on, for any valid UTF-8.
TEST(Sentences, CoverEveryNonBlankByteInOrderAndCutNoCharacter) {
  const std::vector<std::string> pieces{
      "a",  "word", "Word", ".",   ". ", "!",     "? ", "\n", "\n\n", " ",
      "\t", "\r\n", "1",    "1. ", "- ", "e.g. ", "é",  "。", "」",   "…",
      "… ", "😀",   "”",    ")",   "(",  "ß",     "ж",  "•",  "\"",   std::string(1, '\0')};
  Rng rng(20240611);
  for (int run = 0; run < 3000; ++run) {
    std::string text;
    for (std::uint64_t n = rng.below(40); n > 0; --n) text += pieces[rng.below(pieces.size())];
    std::size_t at = 0;
    for (const auto [start, end] : split_sentences(text)) {
      ASSERT_LE(at, start);
      ASSERT_LT(start, end);
      EXPECT_EQ(text.substr(at, start - at).find_first_not_of(" \t\r\n\f\v"), text.npos) << text;
      EXPECT_TRUE(is_valid_utf8(std::string_view(text).substr(start, end - start))) << text;
      at = end;
    }
    EXPECT_EQ(text.substr(at).find_first_not_of(" \t\r\n\f\v"), text.npos) << text;
  }
}

// A quadratic scan would take hours.
TEST(Sentences, TakeLinearTimeOnHostileText) {
  constexpr std::size_t kBytes = 4 << 20;
  EXPECT_EQ(split_sentences(std::string(kBytes, '.')).size(), 1u);
  EXPECT_EQ(split_sentences(std::string(kBytes, '\n')).size(), 0u);
  EXPECT_EQ(split_sentences(std::string(kBytes, 'x')).size(), 1u);
  std::string text;
  while (text.size() < kBytes) text += "a. ";
  EXPECT_FALSE(split_sentences(text).empty());
  text.assign(kBytes / 2, ' ');
  while (text.size() < kBytes) text += " x 1. a";
  EXPECT_EQ(split_sentences(text).size(), 1u);
  text.clear();
  while (text.size() < kBytes) text += "\n  ";
  EXPECT_EQ(split_sentences(text).size(), 0u);
}

} // namespace
} // namespace raglan
