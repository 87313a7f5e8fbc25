#include "model/token_estimate.h"

#include <string>

#include <gtest/gtest.h>

namespace raglan::model {
namespace {

TEST(TokenEstimate, FourAsciiBytesAreAToken) {
  EXPECT_EQ(estimate_tokens(""), 0u);
  EXPECT_EQ(estimate_tokens("a"), 1u);
  EXPECT_EQ(estimate_tokens("abcd"), 1u);
  EXPECT_EQ(estimate_tokens("abcde"), 2u);
}

TEST(TokenEstimate, AnyOtherCharacterIsAToken) {
  EXPECT_EQ(estimate_tokens("é"), 1u);
  EXPECT_EQ(estimate_tokens("日本語"), 3u);
  EXPECT_EQ(estimate_tokens("abcd日"), 2u);
  EXPECT_EQ(estimate_tokens("😀😀"), 2u);
}

TEST(TokenEstimate, ATextIsCutBetweenCharacters) {
  EXPECT_EQ(first_tokens("abcdefgh", 2), "abcdefgh");
  EXPECT_EQ(first_tokens("abcdefghi", 2), "abcdefgh");
  EXPECT_EQ(first_tokens("日本語", 2), "日本");
  EXPECT_EQ(first_tokens("ab日本", 1), "ab");
  EXPECT_EQ(first_tokens("日", 1), "日");
}

TEST(TokenEstimate, WhatIsCutHasNoMoreTokensThanAsked) {
  const std::string text = "Grüße an alle: 今日は良い天気です, and so on, for a while. ";
  for (std::size_t tokens = 0; tokens <= estimate_tokens(text); ++tokens) {
    EXPECT_LE(estimate_tokens(first_tokens(text, tokens)), tokens);
  }
  EXPECT_EQ(first_tokens(text, estimate_tokens(text)), text);
}

} // namespace
} // namespace raglan::model
