#include "rag/reuse_stage.h"

#include <cmath>

#include "rag/pipeline_fixture_test.h"

namespace raglan::rag {
namespace {

// Two wordings of a question, near to each other, and experience that says they are the same.
class ReuseTest : public PipelineTest {
 protected:
  ReuseTest() {
    config_.similar_questions = {.enabled = true, .audit_ratio = 0};
    embedder_.angles = {{"how do I vacuum?", 0}, {"how is a table vacuumed?", 0.2}};
  }

  Result<QueryReply> ask_kept() { return ask(worded("how do I vacuum?")); }
  Result<QueryReply> ask_other() { return ask(worded("how is a table vacuumed?")); }
  // The other wording is computed again and again, and its answer forgotten.
  void learn(int times) {
    for (int i = 0; i < times; ++i) {
      ASSERT_TRUE(ask_kept());
      ASSERT_TRUE(ask_other());
      pipeline().query_cache().local().purge({.key = ask_other()->key});
    }
  }
  static QueryRequest worded(std::string text) {
    QueryRequest request = question();
    request.query = std::move(text);
    return request;
  }
};

TEST_F(ReuseTest, ASimilarQuestionIsAnsweredForItselfUntilExperienceAllowsReuse) {
  const auto kept = ask_kept();
  const auto first = ask_other();
  EXPECT_EQ(first->cache, CacheStatus::kMiss);
  EXPECT_FALSE(first->reuse);
  learn(60);
  const int searches = store_.searches;
  const auto reused = ask_other();
  EXPECT_EQ(reused->cache, CacheStatus::kHit);
  EXPECT_EQ(reused->layer, CacheLayer::kQuery);
  ASSERT_TRUE(reused->reuse);
  EXPECT_NEAR(reused->reuse->similarity, std::cos(0.2), 1e-6);
  EXPECT_EQ(reused->answer, ask_kept()->answer);
  EXPECT_EQ(store_.searches, searches);
  EXPECT_GE(pipeline().similar_questions().stats().reused, 1u);
}

TEST_F(ReuseTest, AReusedAnswerDoesNotBecomeTheQuestionsOwn) {
  learn(60);
  ASSERT_TRUE(ask_other()->reuse);
  EXPECT_EQ(code_of(ask([] {
              QueryRequest only = worded("how is a table vacuumed?");
              only.cache = CacheMode::kOnly;
              return only;
            }())),
            ErrorCode::kNotCached);
  EXPECT_FALSE(ask(worded("how do I vacuum?"))->reuse);
}

TEST_F(ReuseTest, NothingIsReusedOverAWriteATenantOrParameters) {
  learn(60);
  ASSERT_TRUE(ask_other()->reuse);
  QueryRequest other = worded("how is a table vacuumed?");
  other.top_k = 3;
  EXPECT_FALSE(ask(other)->reuse);
  other = worded("how is a table vacuumed?");
  other.collection.tenant = "other";
  EXPECT_FALSE(ask(other)->reuse);
  ++store_.current.seq;
  EXPECT_FALSE(ask_other()->reuse) << "the kept answer is of before the write";
}

TEST_F(ReuseTest, WhatAsksForAFreshAnswerOrHasItsOwnReusesNone) {
  learn(60);
  for (const CacheMode mode : {CacheMode::kBypass, CacheMode::kRefresh}) {
    QueryRequest fresh = worded("how is a table vacuumed?");
    fresh.cache = mode;
    EXPECT_FALSE(ask(fresh)->reuse);
  }
  const auto own = ask_other(); // the refresh kept it
  EXPECT_EQ(own->cache, CacheStatus::kHit);
  EXPECT_FALSE(own->reuse);
}

TEST_F(ReuseTest, WarmingComputesAQuestionsOwnAnswer) {
  learn(60);
  EXPECT_EQ(start(pipeline().warm(worded("how is a table vacuumed?"), {})).get(), true);
  const auto warmed = ask_other();
  EXPECT_EQ(warmed->cache, CacheStatus::kHit);
  EXPECT_FALSE(warmed->reuse);
}

TEST_F(ReuseTest, OffNothingIsKept) {
  config_.similar_questions.enabled = false;
  ASSERT_TRUE(ask_kept());
  ASSERT_TRUE(ask_other());
  EXPECT_EQ(pipeline().similar_questions().stats().questions, 0u);
}

TEST_F(ReuseTest, ALookCountsAsAHitOnlyWhenItsAnswerIsServed) {
  const auto hits = [&] { return pipeline().query_cache().local().stats().hits; };
  ASSERT_TRUE(ask_kept());
  ASSERT_TRUE(ask_other());
  EXPECT_EQ(hits(), 0u);
  learn(60);
  const auto before = hits();
  ASSERT_TRUE(ask_other()->reuse);
  EXPECT_EQ(hits(), before + 1);
}

} // namespace
} // namespace raglan::rag
