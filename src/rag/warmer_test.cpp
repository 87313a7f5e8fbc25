#include "rag/warmer.h"

#include <semaphore>
#include <thread>
#include <utility>
#include <vector>

#include "net/detach.h"

#include "rag/pipeline_fixture_test.h"

namespace raglan::rag {
namespace {

class Warming : public PipelineTest {};

TEST_F(Warming, WarmingAnswersWhatIsNotCachedAndNothingElse) {
  EXPECT_EQ(start(pipeline().warm(question(), {})).get(), true);
  EXPECT_EQ(start(pipeline().warm(question(), {})).get(), false);
  EXPECT_EQ(store_.searches, 1);
  EXPECT_EQ(ask(question())->cache, CacheStatus::kHit);
}

TEST_F(Warming, WarmingRefreshesWhatExpiresWithinTheHorizon) {
  config_.freshness.early_refresh_beta = 0;
  ASSERT_TRUE(ask(question()));
  clock_.advance(config_.query_cache.ttl - std::chrono::seconds(10));
  EXPECT_EQ(start(pipeline().warm(question(), std::chrono::seconds(10) - Duration(1))).get(),
            false);
  EXPECT_EQ(start(pipeline().warm(question(), std::chrono::seconds(10))).get(), true);
  EXPECT_EQ(store_.searches, 2);
  clock_.advance(std::chrono::seconds(10));
  EXPECT_EQ(ask(question())->cache, CacheStatus::kHit);
}

TEST_F(Warming, WarmingAfterAWriteAnswersAgain) {
  ASSERT_TRUE(ask(question()));
  ++store_.current.seq;
  EXPECT_EQ(start(pipeline().warm(question(), {})).get(), true);
  EXPECT_EQ(ask(question())->cache, CacheStatus::kHit);
}

TEST_F(Warming, AUserDoesNotWaitForWhatWarmingBegan) {
  std::counting_semaphore<> go_on{0};
  embedder_.on_embed = [&, first = true]() mutable {
    if (std::exchange(first, false)) go_on.acquire();
  };
  QueryRequest other = question();
  other.query = "what keeps the embedder busy?";
  auto busy = start(pipeline().run(other));
  while (embedder_.calls == 0) std::this_thread::yield();
  auto warming = start(pipeline().warm(question(), {}));
  while (queue_.stats().queued_texts < 1) settle();
  auto user = start(pipeline().run(question()), 1);
  while (queue_.stats().queued_texts < 2) settle(); // the question's text again, before ingest's
  go_on.release();
  EXPECT_EQ(user.get()->cache, CacheStatus::kMiss);
  EXPECT_TRUE(warming.get());
  EXPECT_TRUE(busy.get());
}

TEST_F(Warming, WarmingAListCountsWhatBecameOfEach) {
  ASSERT_TRUE(ask(question()));
  QueryRequest other = question();
  other.top_k = 3;
  QueryRequest nowhere = question();
  nowhere.collection.name = "nowhere";
  std::vector<QueryRequest> list{question(), other, nowhere};
  embedder_.on_embed = [this] { clock_.advance(std::chrono::seconds(1)); };
  const Deadline box = Deadline::after(std::chrono::seconds(30), clock_.now());
  const WarmupCount count = net::run_on(loops_.executor(0), warm(pipeline(), list, box, clock_));
  EXPECT_EQ(count.cached, 1u);
  EXPECT_EQ(count.answered, 1u);
  EXPECT_EQ(count.failed, 1u);
  EXPECT_EQ(count.left, 0u);
  clock_.advance(std::chrono::seconds(30));
  EXPECT_EQ(net::run_on(loops_.executor(0), warm(pipeline(), list, box, clock_)).left, 3u);
}

TEST_F(Warming, WhatHasJustExpiredIsAnsweredAgain) {
  const auto first = ask(question());
  clock_.advance(config_.query_cache.ttl + std::chrono::seconds(1));
  EXPECT_EQ(start(pipeline().warm(question(), {})).get(), true);
  const auto second = ask(question());
  EXPECT_EQ(second->cache, CacheStatus::kHit);
  EXPECT_NE(second->answer, first->answer);
}

TEST_F(Warming, TheAnswerIsKeptWhateverTheRequestSaysOfTheCache) {
  EXPECT_EQ(start(pipeline().warm(question(CacheMode::kBypass), {})).get(), true);
  EXPECT_EQ(ask(question())->cache, CacheStatus::kHit);
}

TEST_F(Warming, MoreQuestionsThanGoAtOnceAreAllAnswered) {
  std::vector<QueryRequest> list;
  for (std::uint32_t top_k = 1; top_k <= 20; ++top_k) {
    list.push_back(question());
    list.back().top_k = top_k;
  }
  const WarmupCount count =
      net::run_on(loops_.executor(0), warm(pipeline(), std::move(list), Deadline(), clock_));
  EXPECT_EQ(count.answered, 20u);
  EXPECT_EQ(count.left, 0u);
}

} // namespace
} // namespace raglan::rag
