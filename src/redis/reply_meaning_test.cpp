#include "redis/reply_meaning.h"

#include <gtest/gtest.h>

namespace raglan::redis {
namespace {

using policy::Outcome;

Reply error(std::string text) {
  Reply reply;
  reply.kind = Reply::Kind::kError;
  reply.text = std::move(text);
  return reply;
}

Outcome outcome(std::string text, Mode mode) {
  return outcome_of(Replies{Reply(), error(std::move(text))}, mode, false);
}

TEST(RedisReplyMeaning, ARedirectIsAnAnswerOfAClusterAndARefusalElsewhere) {
  for (const auto* text : {"MOVED 1 host:1", "ASK 1 host:1", "TRYAGAIN later"}) {
    EXPECT_TRUE(redirects(error(text), Mode::kCluster));
    EXPECT_EQ(outcome(text, Mode::kCluster), Outcome::kSuccess);
    EXPECT_FALSE(redirects(error(text), Mode::kStandalone));
    EXPECT_TRUE(refuses(error(text), Mode::kStandalone));
    EXPECT_EQ(outcome(text, Mode::kStandalone), Outcome::kNeutral);
  }
}

TEST(RedisReplyMeaning, AServerThatCannotServeHasFailed) {
  for (const auto* text : {"LOADING x", "MASTERDOWN x"}) {
    EXPECT_EQ(outcome(text, Mode::kCluster), Outcome::kFailure) << text;
  }
  EXPECT_TRUE(says_cannot_serve(error("CLUSTERDOWN x")));
  EXPECT_EQ(outcome("CLUSTERDOWN x", Mode::kCluster), Outcome::kNeutral) << "others are away";
  EXPECT_EQ(outcome("READONLY x", Mode::kSentinel), Outcome::kNeutral);
  EXPECT_EQ(outcome("NOSCRIPT x", Mode::kSentinel), Outcome::kSuccess);
}

TEST(RedisReplyMeaning, WhatSaysThatTheServersAreOthers) {
  EXPECT_TRUE(suggests_change(error("READONLY x"), Mode::kSentinel));
  EXPECT_TRUE(suggests_change(error("NOREPLICAS x"), Mode::kSentinel));
  EXPECT_FALSE(suggests_change(error("NOREPLICAS x"), Mode::kStandalone));
  EXPECT_TRUE(suggests_connecting_anew(error("READONLY x"), Mode::kStandalone));
  EXPECT_FALSE(suggests_connecting_anew(error("MOVED 1 a:1"), Mode::kCluster));
  EXPECT_TRUE(suggests_change(error("MOVED 1 a:1"), Mode::kCluster));
  EXPECT_TRUE(suggests_change(error("CLUSTERDOWN x"), Mode::kCluster));
  EXPECT_FALSE(suggests_change(error("ASK 1 a:1"), Mode::kCluster)) << "the map stands";
  EXPECT_FALSE(suggests_change(error("WRONGTYPE x"), Mode::kSentinel));
  EXPECT_FALSE(suggests_change(Reply(), Mode::kCluster));
}

TEST(RedisReplyMeaning, ALateAnswerCountsOnlyWhenThereWasTime) {
  const Result<Replies> late = fail(ErrorCode::kDeadlineExceeded, "late");
  EXPECT_EQ(outcome_of(late, Mode::kCluster, false), Outcome::kFailure);
  EXPECT_EQ(outcome_of(late, Mode::kCluster, true), Outcome::kNeutral);
  EXPECT_TRUE(failed(late));
  EXPECT_FALSE(failed(fail(ErrorCode::kClientClosed, "gone")));
  EXPECT_FALSE(failed(Replies{error("LOADING x")}));
}

} // namespace
} // namespace raglan::redis
