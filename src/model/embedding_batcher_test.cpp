#include "model/embedding_batcher.h"

#include <numeric>

#include <gtest/gtest.h>

namespace raglan::model {
namespace {

using namespace std::chrono_literals;

constexpr auto kQuery = EmbeddingPriority::kQuery;
constexpr auto kIngest = EmbeddingPriority::kIngest;
constexpr MonotonicTime kStart{1h};
constexpr Duration kWindow = 2ms;

// A provider: batches of at most 10 texts or 100 tokens, 4 calls at a time.
constexpr BatchLimits kProvider{.texts = 10, .tokens = 100, .calls = 4};

class EmbeddingBatcherTest : public testing::Test {
 protected:
  explicit EmbeddingBatcherTest(const BatchLimits& limits = kProvider)
      : batcher_(limits, {.batch_window = 2ms}, 1) {}

  using Batch = EmbeddingBatcher::Batch;

  // `texts` texts of `tokens` tokens each.
  void add(EmbeddingPriority priority, std::size_t texts, std::size_t tokens = 1) {
    auto request = std::make_unique<EmbeddingBatcher::Request>();
    request->priority = priority;
    request->texts.assign(texts, "text");
    request->tokens.assign(texts, tokens);
    request->total_tokens = texts * tokens;
    request->order.resize(texts);
    std::iota(request->order.begin(), request->order.end(), std::size_t{0});
    request->submitted = now_;
    request->result = {1, std::vector<float>(texts), 0, request->tokens};
    request->callback = [this](const Result<Embeddings>&) { ++answered_; };
    ASSERT_TRUE(batcher_.add(request));
  }

  // What may start now; its size, 0 for nothing.
  std::size_t take(EmbeddingPriority* priority = nullptr) {
    EmbeddingBatcher::Outcomes outcomes;
    auto batch = batcher_.take(now_, outcomes);
    if (!batch) return 0;
    if (priority) *priority = batch->priority;
    const std::size_t size = batch->rows.size();
    under_way_.push_back(std::move(*batch));
    return size;
  }

  // Ends the oldest batch under way.
  void finish() {
    const Batch batch = std::move(under_way_.front());
    under_way_.erase(under_way_.begin());
    EmbeddingBatcher::Outcomes outcomes;
    batcher_.settle(batch.rows,
                    {.priority = batch.priority, .texts = batch.rows.size(), .elapsed = took_},
                    Embeddings{1, std::vector<float>(batch.rows.size()), 0}, outcomes);
    batcher_.finish(batch, now_);
    for (auto& outcome : outcomes) outcome.callback(std::move(outcome.result));
  }

  Duration until_next_start() { return batcher_.next_start(now_) - now_; }
  bool nothing_will_start() { return batcher_.next_start(now_) == MonotonicTime::max(); }

  EmbeddingBatcher batcher_;
  MonotonicTime now_ = kStart;
  std::vector<Batch> under_way_;
  Duration took_{}; // calls that finish
  int answered_ = 0;
};

TEST_F(EmbeddingBatcherTest, AnIdleLaneStartsAtOnce) {
  add(kQuery, 1);
  EXPECT_EQ(take(), 1u);
  EXPECT_TRUE(nothing_will_start());
  finish();
  EXPECT_EQ(answered_, 1);
  add(kIngest, 3);
  EXPECT_EQ(take(), 3u);
}

TEST_F(EmbeddingBatcherTest, ABatchHoldsNoMoreTextsOrTokensThanACallTakes) {
  add(kQuery, 25);
  EXPECT_EQ(take(), 10u);
  EXPECT_EQ(take(), 10u);
  now_ += kWindow;
  EXPECT_EQ(take(), 5u);
  finish();
  add(kQuery, 4, 40);
  now_ += kWindow;
  EXPECT_EQ(take(), 2u);
}

TEST_F(EmbeddingBatcherTest, TokensThatAreNotPaddedAreAddedUp) {
  add(kQuery, 1, 91);
  add(kQuery, 9, 1);
  EXPECT_EQ(take(), 10u); // padded they would be 910
}

TEST_F(EmbeddingBatcherTest, WhileACallIsUnderWayTheNextWaitsForCompanyButNotForItsEnd) {
  add(kQuery, 1);
  EXPECT_EQ(take(), 1u);
  now_ += 10ms;
  add(kQuery, 1);
  EXPECT_EQ(take(), 0u);
  EXPECT_EQ(until_next_start(), kWindow);
  now_ += 1ms;
  add(kQuery, 1);
  EXPECT_EQ(until_next_start(), kWindow - 1ms);
  now_ += 1ms;
  EXPECT_EQ(take(), 2u);
}

TEST_F(EmbeddingBatcherTest, WhatWaitsBesideACallWaitsForAQuarterOfWhatCallsTake) {
  for (const auto& [took, window] : {std::pair(4ms, 2ms), {20ms, 5ms}, {3000ms, 50ms}}) {
    took_ = took;
    add(kQuery, 1);
    EXPECT_EQ(take(), 1u);
    finish();
    add(kQuery, 1);
    EXPECT_EQ(take(), 1u); // idle: at once, however long calls take
    now_ += 1ms;
    add(kQuery, 1);
    EXPECT_EQ(until_next_start(), window);
    now_ += window;
    EXPECT_EQ(take(), 1u);
    finish();
    finish();
    now_ += 1s;
  }
}

TEST_F(EmbeddingBatcherTest, AFullBatchWaitsForNothing) {
  add(kQuery, 1);
  EXPECT_EQ(take(), 1u);
  add(kQuery, 10);
  EXPECT_EQ(until_next_start(), 0ms);
  EXPECT_EQ(take(), 10u);
}

TEST_F(EmbeddingBatcherTest, AfterRequestsOverlappedTheLaneStaysOpenForAWindow) {
  add(kQuery, 1);
  add(kQuery, 1);
  EXPECT_EQ(take(), 2u);
  now_ += 20ms;
  finish();
  add(kQuery, 1);
  EXPECT_EQ(take(), 0u);
  now_ += kWindow;
  EXPECT_EQ(take(), 1u);
  now_ += 20ms;
  finish(); // a request alone: idle again
  add(kQuery, 1);
  EXPECT_EQ(take(), 1u);
}

TEST_F(EmbeddingBatcherTest, NoMoreCallsAreMadeThanTheEmbedderTakes) {
  add(kQuery, 50);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(take(), 10u);
  EXPECT_EQ(take(), 0u);
  EXPECT_TRUE(nothing_will_start());
  finish();
  EXPECT_EQ(take(), 10u);
}

TEST_F(EmbeddingBatcherTest, IngestLeavesOneCallToQuestions) {
  add(kIngest, 100);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(take(), 10u);
  EXPECT_EQ(take(), 0u);
  EXPECT_TRUE(nothing_will_start());
  add(kQuery, 1);
  EmbeddingPriority taken = kIngest;
  EXPECT_EQ(take(&taken), 1u);
  EXPECT_EQ(taken, kQuery);
}

TEST_F(EmbeddingBatcherTest, AQuestionIsNotHeldBackByIngestUnderWay) {
  add(kIngest, 10);
  EXPECT_EQ(take(), 10u);
  add(kQuery, 1);
  EXPECT_EQ(take(), 1u);
}

TEST_F(EmbeddingBatcherTest, IngestStartsBesideAQuestionThatWaitsForCompany) {
  add(kQuery, 1);
  EXPECT_EQ(take(), 1u);
  add(kQuery, 1);
  add(kIngest, 10);
  EmbeddingPriority taken = kQuery;
  EXPECT_EQ(take(&taken), 10u);
  EXPECT_EQ(taken, kIngest);
  EXPECT_EQ(take(), 0u);
  add(kIngest, 10);
  EXPECT_EQ(take(), 10u); // three under way: the fourth is the waiting question's
  add(kIngest, 10);
  EXPECT_EQ(take(), 0u);
}

TEST_F(EmbeddingBatcherTest, IngestGetsATurnUnderEndlessQuestions) {
  add(kQuery, 200);
  add(kIngest, 10);
  std::vector<EmbeddingPriority> taken(6);
  for (int i = 0; i < 3; ++i) take(&taken[static_cast<std::size_t>(i)]);
  for (std::size_t i = 3; i < taken.size(); ++i) {
    EXPECT_EQ(take(&taken[i]), 10u);
    finish();
  }
  EXPECT_EQ(std::ranges::count(taken, kIngest), 1);
}

// As in this process: one call at a time.
class OneCallTest : public EmbeddingBatcherTest {
 protected:
  OneCallTest() : EmbeddingBatcherTest({.texts = 100, .tokens = 100, .calls = 1}) {}
};

TEST_F(OneCallTest, IngestsBatchesAreHalfAsLargeWhileQuestionsCome) {
  add(kIngest, 100, 10);
  EXPECT_EQ(take(), 10u);
  add(kQuery, 1);
  finish();
  EXPECT_EQ(take(), 1u);
  now_ += 5ms;
  finish();
  EXPECT_EQ(take(), 5u);
  now_ += EmbeddingBatcher::kQuestionsLately - 6ms;
  finish();
  EXPECT_EQ(take(), 5u);
  now_ += 2ms;
  finish();
  EXPECT_EQ(take(), 10u);
}

TEST_F(OneCallTest, ATextLargerThanHalfABatchStillGoes) {
  add(kQuery, 1);
  EXPECT_EQ(take(), 1u);
  finish();
  add(kIngest, 2, 90);
  EXPECT_EQ(take(), 1u);
}

TEST_F(EmbeddingBatcherTest, WhereQuestionsHaveACallOfTheirOwnIngestsBatchesStayFull) {
  add(kQuery, 1);
  EXPECT_EQ(take(), 1u);
  add(kIngest, 10);
  EXPECT_EQ(take(), 10u);
}

} // namespace
} // namespace raglan::model
