#include "loadtest/corpus.h"

#include <algorithm>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace raglan::loadtest {
namespace {

using ::testing::ElementsAre;

TEST(Corpus, QuestionsAreTitlesHeadingsAndFirstSentences) {
  const auto questions = question_texts(
      "The old lighthouse",
      "How it was built\n\nIt was built in 1847\nfrom grey basalt. Later it was painted.\n\n"
      "Short line\n\n1 2 3 4 5 6\n\n");
  EXPECT_THAT(questions, ElementsAre("The old lighthouse", "How it was built",
                                     "It was built in 1847 from grey basalt."));
}

TEST(Corpus, NoQuestionIsThereTwiceAndTheSeedFixesTheirOrder) {
  std::vector<CorpusDocument> documents;
  for (const char* name : {"one", "two", "three", "four", "five", "six"}) {
    documents.push_back(
        {name, std::string("The document of ") + name, "The same for all of them."});
  }
  const auto first = distinct_questions(documents, 1);
  EXPECT_EQ(first.size(), 7U);
  EXPECT_EQ(std::set<std::string>(first.begin(), first.end()).size(), 7U);
  EXPECT_EQ(distinct_questions(documents, 1), first);
  const auto second = distinct_questions(documents, 2);
  EXPECT_NE(second, first);
  EXPECT_TRUE(std::ranges::is_permutation(first, second));
}

} // namespace
} // namespace raglan::loadtest
