#include "store/analyzer.h"

#include <gtest/gtest.h>

namespace raglan::store {
namespace {

TEST(Analyzer, FoldsCaseAndStems) {
  EXPECT_EQ(analyze("Indexes indexing INDEX"), analyze("index index index"));
  EXPECT_NE(analyze("index"), analyze("table"));
}

TEST(Analyzer, LeavesOutStopWordsAndPunctuation) {
  EXPECT_EQ(analyze("the quick, brown fox!"), analyze("quick brown fox"));
  EXPECT_TRUE(analyze("to be or not to be ...").size() == 0);
  EXPECT_TRUE(analyze("").empty());
}

TEST(Analyzer, SplitsIdentifiersIntoTheirParts) {
  EXPECT_EQ(analyze("pg_stat_activity"), analyze("pg stat activity"));
}

TEST(Analyzer, AsciiAndUnicodePathsAgree) {
  auto with_accent = analyze("Running caf\xc3\xa9 servers");
  const auto plain = analyze("Running servers");
  ASSERT_EQ(with_accent.size(), 3u);
  with_accent.erase(with_accent.begin() + 1);
  EXPECT_EQ(with_accent, plain);
}

TEST(Analyzer, FoldsUnicodeCaseAndWidth) {
  EXPECT_EQ(analyze("\xc3\x9c"
                    "BER"),
            analyze("\xc3\xbc"
                    "ber"));                                     // Über
  EXPECT_EQ(analyze("\xef\xbc\xa1\xef\xbc\xa2"), analyze("ab")); // full-width AB
}

TEST(Analyzer, TakesAnyBytes) {
  EXPECT_NO_FATAL_FAILURE(analyze("\xff\xfe broken \xc3"));
  EXPECT_EQ(analyze(std::string(10'000, 'x')).size(), 1u);
}

} // namespace
} // namespace raglan::store
