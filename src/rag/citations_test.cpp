#include "rag/citations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace raglan::rag {
namespace {

std::string shown(std::string_view text, std::size_t passages, std::size_t portion = 1'000) {
  CitationFilter filter(passages);
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += portion) {
    out += filter.feed(text.substr(at, portion));
  }
  return out + filter.finish();
}

TEST(CitationFilter, ShowsCitationsOfPassagesAndNoOthers) {
  EXPECT_EQ(shown("Use pg_basebackup [1].", 1), "Use pg_basebackup [1].");
  EXPECT_EQ(shown("Use pg_basebackup [2].", 1), "Use pg_basebackup.");
  EXPECT_EQ(shown("So [0] it [3] is[4]", 3), "So it [3] is");
  EXPECT_EQ(shown("[99999999999999999999999] x", 3), " x");
}

TEST(CitationFilter, SeveralInOnePairOfBracketsGetOneEach) {
  EXPECT_EQ(shown("Both [1, 3].", 3), "Both [1][3].");
  EXPECT_EQ(shown("Both [ 1,9 ].", 3), "Both [1].");
  EXPECT_EQ(shown("None [8, 9].", 3), "None.");
}

TEST(CitationFilter, LeavesOtherBracketsAlone) {
  for (const std::string_view text : {"an [example]", "[1", "[]", "[,]", "[1,]", "[ ]", "[1 2]",
                                      "[-1]", "a [[1]]", "trailing  ", "see [1](http://x)", "["}) {
    EXPECT_EQ(shown(text, 1), text);
  }
}

TEST(CitationFilter, LeavesCodeAlone) {
  EXPECT_EQ(shown("`a[7]` and [7]", 1), "`a[7]` and");
  EXPECT_EQ(shown("``a ` [7]`` [7]", 1), "``a ` [7]``");
  EXPECT_EQ(shown("```\nx[7]\n```\nsee [7] [1]", 1), "```\nx[7]\n```\nsee [1]");
}

TEST(CitationFilter, StrayBackquotesEndWithTheirParagraph) {
  EXPECT_EQ(shown("``quoted'' [7] [1]\n\nsee [7] [1]", 1), "``quoted'' [7] [1]\n\nsee [1]");
  EXPECT_EQ(shown("a ` b\n \nsee [7].", 1), "a ` b\n \nsee.");
  EXPECT_EQ(shown("```\nx[7]\n\ny[7]\n```\n[7]", 1), "```\nx[7]\n\ny[7]\n```\n");
}

TEST(CitationFilter, WhatIsShownDoesNotDependOnThePieces) {
  constexpr std::string_view kText =
      "First [1], `x[9]` second [2, 9], [word], [3] [[2]] \n```\n[8]\n``` end [1";
  const std::string whole = shown(kText, 2);
  for (const std::size_t portion : {1, 2, 3, 5, 8}) EXPECT_EQ(shown(kText, 2, portion), whole);
}

TEST(CitationFilter, HoldsBackABoundedText) {
  CitationFilter filter(1);
  const std::string endless = "[" + std::string(1'000, '1');
  const std::string out = filter.feed(endless);
  EXPECT_GE(out.size() + CitationFilter::kMaxHeldBytes, endless.size());
  EXPECT_EQ(out + filter.finish(), endless);
}

TEST(CitationFilter, CountsWhatItTookOut) {
  CitationFilter filter(2);
  filter.feed("[1] [3] [2, 4, 5]");
  EXPECT_EQ(filter.removed(), 3U);
}

TEST(FindCitations, SaysWhereEachIs) {
  const auto found = find_citations("One [1], two [2][3], [x], [1 ", 2);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].n, 1U);
  EXPECT_EQ(found[0].start, 4U);
  EXPECT_EQ(found[0].end, 7U);
  EXPECT_EQ(found[1].n, 2U);
  EXPECT_EQ(found[1].start, 13U);
}

TEST(FindCitations, ThereAreNoneInCode) {
  const auto found = find_citations("`a[1]` is [2], and\n```\nb[1]\n\nc[1]\n```\nends [1].", 2);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].n, 2U);
  EXPECT_EQ(found[1].n, 1U);
  EXPECT_EQ(found[1].end, 46U);
}

} // namespace
} // namespace raglan::rag
