// When a cached answer is served, and when it is computed again.
#include "rag/pipeline_fixture_test.h"

namespace raglan::rag {
namespace {

class FreshnessOfAnswers : public PipelineTest {};

TEST_F(FreshnessOfAnswers, AnExpiredAnswerIsServedAndComputedAgainBehind) {
  const auto first = ask(question());
  clock_.advance(config_.query_cache.ttl);
  const auto stale = ask(question());
  EXPECT_EQ(stale->cache, CacheStatus::kStale);
  EXPECT_EQ(stale->answer, first->answer);
  settle_refreshes();
  const auto second = ask(question());
  EXPECT_EQ(second->cache, CacheStatus::kHit);
  EXPECT_NE(second->answer, first->answer);
  EXPECT_EQ(store_.searches, 2);
}

TEST_F(FreshnessOfAnswers, AnAnswerTooOldToServeIsServedWhenTheStoreFails) {
  const auto first = ask(question());
  clock_.advance(config_.query_cache.ttl + config_.freshness.stale_while_revalidate);
  store_.failing = true;
  const auto stale = ask(question());
  ASSERT_TRUE(stale);
  EXPECT_EQ(stale->cache, CacheStatus::kStale);
  EXPECT_EQ(stale->answer, first->answer);
  clock_.advance(config_.freshness.stale_if_error - config_.freshness.stale_while_revalidate);
  EXPECT_EQ(code_of(ask(question())), ErrorCode::kUnavailable);
  store_.failing = false;
  EXPECT_EQ(ask(question())->cache, CacheStatus::kMiss);
}

TEST_F(FreshnessOfAnswers, OnlyDoesNotServeWhatIsTooOld) {
  ASSERT_TRUE(ask(question()));
  clock_.advance(config_.query_cache.ttl + config_.freshness.stale_while_revalidate);
  EXPECT_EQ(code_of(ask(question(CacheMode::kOnly))), ErrorCode::kNotCached);
}

TEST_F(FreshnessOfAnswers, AnAnswerIsRefreshedShortlyBeforeItExpires) {
  config_.freshness.early_refresh_beta = 100;
  embedder_.on_embed = [this] { clock_.advance(std::chrono::seconds(10)); }; // dear to compute
  const auto first = ask(question());
  clock_.advance(config_.query_cache.ttl - std::chrono::milliseconds(1));
  EXPECT_EQ(ask(question())->cache, CacheStatus::kHit);
  settle_refreshes();
  const auto second = ask(question());
  EXPECT_EQ(second->cache, CacheStatus::kHit);
  EXPECT_NE(second->answer, first->answer);
}

TEST_F(FreshnessOfAnswers, OneThatIsOnlyOfUseOnAnErrorIsAMiss) {
  ASSERT_TRUE(ask(question()));
  clock_.advance(config_.query_cache.ttl + config_.freshness.stale_while_revalidate);
  EXPECT_EQ(ask(question())->cache, CacheStatus::kMiss);
  EXPECT_EQ(pipeline().query_cache().local().stats().hits, 0u);
  EXPECT_EQ(pipeline().query_cache().local().stats().saved_calls, 0u);
}

TEST_F(FreshnessOfAnswers, AReplySaysWhetherItsAnswerIsKept) {
  EXPECT_TRUE(ask(question())->stored);
  EXPECT_FALSE(ask(question())->stored); // it was already
  EXPECT_TRUE(ask(question(CacheMode::kRefresh))->stored);
  EXPECT_FALSE(ask(question(CacheMode::kBypass))->stored);
  pipeline_ = nullptr;
  config_.query_cache.enabled = false;
  EXPECT_FALSE(ask(question())->stored);
}

} // namespace
} // namespace raglan::rag
