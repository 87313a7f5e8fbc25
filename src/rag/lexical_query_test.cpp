#include "rag/lexical_query.h"

#include <gtest/gtest.h>

namespace raglan::rag {
namespace {

TEST(LexicalQuery, LeavesOutWhatMakesItAQuestion) {
  EXPECT_EQ(lexical_query("How do I set up streaming replication?"),
            "set up streaming replication");
  EXPECT_EQ(lexical_query("What's the difference between VACUUM and VACUUM FULL?"),
            "the difference between VACUUM and VACUUM FULL");
}

TEST(LexicalQuery, KeepsAQuestionOfNothingElse) {
  EXPECT_EQ(lexical_query("Why?"), "Why?");
  EXPECT_EQ(lexical_query("what can I do"), "what can I do");
  EXPECT_EQ(lexical_query(""), "");
}

TEST(LexicalQuery, KeepsLettersOfAllAlphabets) {
  EXPECT_EQ(lexical_query("Wie größer \u03b1\u03b2?"), "Wie größer \u03b1\u03b2");
}

} // namespace
} // namespace raglan::rag
