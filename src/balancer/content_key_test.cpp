#include "balancer/content_key.h"

#include <gtest/gtest.h>

namespace raglan::balancer {
namespace {

TEST(ContentKey, TheSameQuestionOfACollectionHasTheSameKey) {
  const auto key = content_key(R"({"query":"How tall is it?","collection":"a","top_k":3})");
  ASSERT_TRUE(key);
  EXPECT_EQ(key, content_key(R"({"collection":"a","query":"  How  tall is it?","stream":true})"));
  EXPECT_NE(key, content_key(R"({"query":"How tall is it?","collection":"b"})"));
  EXPECT_NE(key, content_key(R"({"query":"how tall is it?","collection":"a"})"));
}

TEST(ContentKey, ChatsAndSeveralQuestionsHaveOne) {
  const auto alone = content_key(R"({"query":"Why?"})");
  EXPECT_EQ(alone, content_key(R"({"query":["Why?","How?"]})"));
  EXPECT_EQ(alone, content_key(R"({"messages":[{"role":"user","content":"x"},
                                               {"role":"user","content":"Why?"}]})"));
}

TEST(ContentKey, WhatIsNoQuestionHasNone) {
  for (const char* body : {"", "{", "[]", "{}", R"({"query":1})", R"({"query":[]})",
                           R"({"query":[1]})", R"({"messages":[]})", R"({"messages":[1]})"}) {
    EXPECT_FALSE(content_key(body)) << body;
  }
}

TEST(ContentKey, OnlyQuestionsAreAskedByContent) {
  EXPECT_TRUE(asks_by_content("POST", "/v1/query"));
  EXPECT_FALSE(asks_by_content("GET", "/v1/query"));
  EXPECT_FALSE(asks_by_content("POST", "/v1/documents"));
}

} // namespace
} // namespace raglan::balancer
