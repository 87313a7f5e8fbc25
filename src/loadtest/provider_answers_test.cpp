#include "loadtest/provider_answers.h"

#include <numeric>

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

namespace raglan::loadtest {
namespace {

float cosine(const std::vector<float>& left, const std::vector<float>& right) {
  return std::inner_product(left.begin(), left.end(), right.begin(), 0.0F);
}

std::string chat(std::string_view messages) {
  const auto pieces = stand_in_chat(boost::json::parse(messages).as_array());
  if (!pieces) return "error: " + pieces.error().message;
  return std::accumulate(pieces->begin(), pieces->end(), std::string());
}

TEST(ProviderAnswers, TheSameTextHasTheSameUnitVector) {
  for (const std::size_t dimension : {1, 3, 64, 384, 1536}) {
    const auto vector = stand_in_vector("How do I vacuum?", dimension);
    EXPECT_EQ(vector.size(), dimension);
    EXPECT_NEAR(cosine(vector, vector), 1, 1e-5);
    EXPECT_EQ(vector, stand_in_vector("How do I vacuum?", dimension));
  }
}

// A frozen value: another process, compiler or day must not see another vector.
TEST(ProviderAnswers, AVectorIsTheSameEverywhere) {
  EXPECT_EQ(stand_in_vector("tide", 4), (std::vector<float>{-0.5F, -0.5F, -0.5F, 0.5F}));
}

TEST(ProviderAnswers, TextsThatShareWordsAreNearEachOther) {
  const auto question = stand_in_vector("How often should I vacuum a table?", 384);
  const auto near = stand_in_vector("Vacuum a busy table often.", 384);
  const auto far = stand_in_vector("Octopuses have three hearts.", 384);
  EXPECT_GT(cosine(question, near), 0.4);
  EXPECT_LT(cosine(question, far), 0.25);
}

TEST(ProviderAnswers, TextsWithoutWordsHaveVectorsToo) {
  for (const char* text : {"", " ", "?!", "\xff"}) {
    const auto vector = stand_in_vector(text, 8);
    EXPECT_NEAR(cosine(vector, vector), 1, 1e-5) << text;
  }
}

TEST(ProviderAnswers, TokensAreAQuarterOfTheBytesRoundedUp) {
  EXPECT_EQ(stand_in_tokens(""), 0u);
  EXPECT_EQ(stand_in_tokens("a"), 1u);
  EXPECT_EQ(stand_in_tokens("abcd"), 1u);
  EXPECT_EQ(stand_in_tokens("abcde"), 2u);
}

TEST(ProviderAnswers, AChatAnswerQuotesTheFirstPassages) {
  EXPECT_EQ(chat(R"([{"role":"system","content":"Answer from the passages."},
                     {"role":"user","content":"[1] Vacuum nightly. It helps.\n[2]\nUse autovacuum.\n\nQuestion: how?"}])"),
            "The passages say: Vacuum nightly. [1] Use autovacuum. [2]");
  EXPECT_EQ(chat(R"([{"role":"user","content":"[1] A.\n[2] B.\n[7] C.\n[8] D."}])"),
            "The passages say: A. [1] B. [2] C. [7]");
}

TEST(ProviderAnswers, WithoutPassagesAChatAnswerSaysSo) {
  EXPECT_EQ(chat(R"([{"role":"user","content":[{"type":"text","text":"How?"}]}])"),
            "No passage was given for: How?\n");
  EXPECT_EQ(chat(R"([{"role":"user","content":"[x] How?"}])"),
            "No passage was given for: [x] How?");
}

TEST(ProviderAnswers, WhatIsNoMessageIsRefused) {
  EXPECT_EQ(chat("[]"), "error: there is no message");
  EXPECT_EQ(chat(R"([{"role":"user"}])"), "error: a message has no content");
  EXPECT_EQ(chat(R"(["hello"])"), "error: a message has no content");
}

} // namespace
} // namespace raglan::loadtest
