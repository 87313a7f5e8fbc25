#include "model/embedding_queue.h"

#include <future>
#include <optional>

#include <gtest/gtest.h>

namespace raglan::model {
namespace {

using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

constexpr auto kQuery = EmbeddingPriority::kQuery;
constexpr auto kIngest = EmbeddingPriority::kIngest;

// A text of n characters has n tokens (two more with the special ones); its vector is {n, first
// character}. While closed, the gate holds every call of `embed`.
class FakeEmbedder final : public Embedder {
 public:
  explicit FakeEmbedder(bool open = true) : open_(open) {}
  std::string_view id() const override { return "fake"; }
  std::string_view name() const override { return "fake"; }
  std::size_t dimension() const override { return 2; }
  std::size_t max_tokens() const override { return 256; }
  std::size_t count_tokens(std::string_view text) const override { return text.size(); }
  BatchLimits batch_limits() const override { return limits; }
  void interrupt() override { interrupted = true; }

  // To be changed before there is a queue.
  BatchLimits limits{.texts = 1000, .tokens = 512, .special_tokens = 2, .padded = true, .calls = 1};
  std::atomic<bool> interrupted = false;

  Result<Embeddings> embed(const std::vector<std::string_view>& texts, EmbeddingCall) override {
    std::unique_lock lock(mutex_);
    calls_.emplace_back(texts.begin(), texts.end());
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_ || released_ >= calls_.size(); });
    if (failure_) return fail(*failure_, "the fake fails");
    Embeddings made{2, {}, metered_ * texts.size()};
    for (const std::string_view text : texts) {
      if (text == refused_) return fail(ErrorCode::kInvalidField, "the fake refuses a text");
      made.values.push_back(static_cast<float>(text.size()));
      made.values.push_back(static_cast<float>(text.empty() ? 0 : text.front()));
    }
    if (short_) made.values.pop_back();
    return made;
  }

  void await_calls(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return calls_.size() >= count; });
  }
  void release_one() {
    const std::lock_guard lock(mutex_);
    ++released_;
    changed_.notify_all();
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void fail_with(ErrorCode code) {
    const std::lock_guard lock(mutex_);
    failure_ = code;
  }
  void refuse(std::string_view text) { refused_ = text; }
  void meter(std::size_t tokens_per_text) { metered_ = tokens_per_text; }
  void return_too_little() {
    const std::lock_guard lock(mutex_);
    short_ = true;
  }
  std::vector<Texts> calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Texts> calls_;
  std::size_t released_ = 0;
  bool open_;
  bool short_ = false;
  std::string refused_ = "-"; // set before there is a queue, as the next
  std::size_t metered_ = 0;
  std::optional<ErrorCode> failure_;
};

// A submitted request, and what its callback got.
struct Submitted {
  EmbeddingQueue::Ticket ticket = 0;
  std::future<Result<Embeddings>> future;
  Result<Embeddings> get() { return future.get(); }
  bool answered() const { return future.wait_for(0s) == std::future_status::ready; }
};

Submitted submit(EmbeddingQueue& queue, Texts texts, EmbeddingPriority priority = kQuery,
                 Deadline deadline = {}) {
  std::promise<Result<Embeddings>> promise;
  Submitted submitted;
  submitted.future = promise.get_future();
  submitted.ticket = queue.submit(std::move(texts), priority, deadline,
                                  [promise = std::move(promise)](Result<Embeddings> made) mutable {
                                    promise.set_value(std::move(made));
                                  });
  return submitted;
}

void expect_refused(const Result<Embeddings>& made, const std::vector<std::size_t>& rows) {
  ASSERT_TRUE(made) << made.error().message;
  std::vector<std::size_t> refused;
  for (const Refusal& refusal : made->refused) {
    EXPECT_EQ(refusal.error.code, ErrorCode::kInvalidField);
    refused.push_back(refusal.row);
  }
  EXPECT_EQ(refused, rows);
}

std::string text(char letter, std::size_t tokens_with_special) {
  return std::string(tokens_with_special - 2, letter);
}

EmbeddingQueueConfig no_window() {
  EmbeddingQueueConfig config;
  config.batch_window = 0ms;
  return config;
}

TEST(EmbeddingQueue, VectorsComeInTheTextsOrder) {
  FakeEmbedder embedder;
  EmbeddingQueue queue(embedder, no_window());
  const auto made = submit(queue, {"aa", "b", "cccc", ""}).get();
  ASSERT_TRUE(made);
  EXPECT_EQ(made->values, (std::vector<float>{2, 'a', 1, 'b', 4, 'c', 0, 0}));
  EXPECT_EQ(made->dimension, 2u);
  EXPECT_EQ(made->tokens, 2u + 1 + 4 + 0 + 4 * 2);
}

TEST(EmbeddingQueue, NoTextsGiveNoVectorsAtOnce) {
  FakeEmbedder embedder(false);
  EmbeddingQueue queue(embedder, no_window());
  Submitted none = submit(queue, {});
  ASSERT_TRUE(none.answered());
  EXPECT_EQ(none.get()->rows(), 0u);
  EXPECT_EQ(queue.stats().batches, 0u);
}

TEST(EmbeddingQueue, ALoneRequestNeverWaitsForCompany) {
  FakeEmbedder embedder;
  EmbeddingQueueConfig config;
  config.batch_window = std::chrono::hours(1);
  EmbeddingQueue queue(embedder, config);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(submit(queue, {"a"}).get());
  EXPECT_EQ(queue.stats().batches, 5u);
}

TEST(EmbeddingQueue, ConcurrentRequestsShareABatch) {
  FakeEmbedder embedder(false);
  EmbeddingQueue queue(embedder, no_window());
  Submitted first = submit(queue, {"a"});
  embedder.await_calls(1);
  Submitted second = submit(queue, {"bb", "b"});
  Submitted third = submit(queue, {"ccc"});
  embedder.open();
  EXPECT_EQ(first.get()->values, (std::vector<float>{1, 'a'}));
  EXPECT_EQ(second.get()->values, (std::vector<float>{2, 'b', 1, 'b'}));
  EXPECT_EQ(third.get()->values, (std::vector<float>{3, 'c'}));
  EXPECT_EQ(embedder.calls()[1], (Texts{"bb", "b", "ccc"}));
}

TEST(EmbeddingQueue, WhileBusyABatchWaitsForCompanyUntilItIsFull) {
  FakeEmbedder embedder(false);
  EmbeddingQueueConfig config;
  config.batch_window = std::chrono::hours(1);
  embedder.limits.tokens = 30;
  EmbeddingQueue queue(embedder, config);
  Submitted first = submit(queue, {"a"});
  embedder.await_calls(1);
  Submitted second = submit(queue, {text('b', 10)});
  Submitted third = submit(queue, {text('c', 10)});
  embedder.open();
  ASSERT_TRUE(first.get());
  EXPECT_FALSE(second.answered()); // 20 of 30 tokens: its hour has begun
  EXPECT_EQ(embedder.calls().size(), 1u);
  Submitted fourth = submit(queue, {text('d', 10)});
  EXPECT_TRUE(fourth.get());
  EXPECT_TRUE(second.get());
  EXPECT_TRUE(third.get());
  EXPECT_EQ(embedder.calls()[1].size(), 3u);
}

TEST(EmbeddingQueue, ABatchHoldsThePaddedTokensOfItsBudgetAndNotOneMore) {
  FakeEmbedder embedder;
  embedder.limits.tokens = 40;
  EmbeddingQueue queue(embedder, no_window());
  // Longest first: 20, then 20 more; 10 would make three rows of 20.
  ASSERT_TRUE(submit(queue, {text('a', 10), text('b', 20), text('c', 20), text('d', 10)}).get());
  EXPECT_EQ(embedder.calls(),
            (std::vector<Texts>{{text('b', 20), text('c', 20)}, {text('a', 10), text('d', 10)}}));
}

TEST(EmbeddingQueue, ATextOverTheBudgetGoesAlone) {
  FakeEmbedder embedder;
  embedder.limits.tokens = 16;
  EmbeddingQueue queue(embedder, no_window());
  ASSERT_TRUE(submit(queue, {text('a', 17), text('b', 16), text('c', 8), text('d', 8)}).get());
  EXPECT_EQ(embedder.calls(),
            (std::vector<Texts>{{text('a', 17)}, {text('b', 16)}, {text('c', 8), text('d', 8)}}));
}

TEST(EmbeddingQueue, TokensAreCountedAsTheModelCutsThem) {
  FakeEmbedder embedder;
  EmbeddingQueue queue(embedder, no_window());
  EXPECT_EQ(submit(queue, {std::string(5000, 'a')}).get()->tokens, 256u);
}

TEST(EmbeddingQueue, AQueryWaitsBehindAtMostOneIngestBatch) {
  FakeEmbedder embedder(false);
  embedder.limits.tokens = 20;
  EmbeddingQueue queue(embedder, no_window());
  Submitted ingest = submit(queue, Texts(6, text('i', 10)), kIngest);
  embedder.await_calls(1);
  Submitted query = submit(queue, {"q"});
  embedder.open();
  ASSERT_TRUE(query.get());
  ASSERT_TRUE(ingest.get());
  const auto calls = embedder.calls();
  ASSERT_GE(calls.size(), 4u); // smaller ones follow the question
  EXPECT_EQ(calls[0].size(), 2u);
  EXPECT_EQ(calls[1], Texts{"q"});
}

TEST(EmbeddingQueue, IngestGetsATurnUnderEndlessQueries) {
  FakeEmbedder embedder(false);
  embedder.limits.tokens = 10;
  EmbeddingQueue queue(embedder, no_window());
  Submitted first = submit(queue, {text('f', 10)});
  embedder.await_calls(1);
  Submitted ingest = submit(queue, {text('i', 10)}, kIngest);
  Submitted queries = submit(queue, Texts(40, text('q', 10)));
  embedder.open();
  ASSERT_TRUE(queries.get());
  ASSERT_TRUE(ingest.get());
  const auto calls = embedder.calls();
  const auto turn = std::ranges::find(calls, Texts{text('i', 10)}) - calls.begin();
  EXPECT_EQ(turn, EmbeddingBatcher::kQueryBatchesInARow);
}

TEST(EmbeddingQueue, AFullQueueRefusesAndTheOtherPriorityHasItsOwnShare) {
  FakeEmbedder embedder(false);
  EmbeddingQueueConfig config = no_window();
  config.max_queued_texts = 2;
  EmbeddingQueue queue(embedder, config);
  Submitted running = submit(queue, {"r"});
  embedder.await_calls(1);
  Submitted queued = submit(queue, {"a", "b"}, kIngest);
  Submitted refused = submit(queue, {"c"}, kIngest);
  ASSERT_TRUE(refused.answered());
  EXPECT_EQ(refused.get().error().code, ErrorCode::kOverloaded);
  EXPECT_EQ(refused.ticket, 0u);
  Submitted query = submit(queue, {"q"});
  EXPECT_EQ(queue.stats().queued_texts, 3u);
  EXPECT_EQ(queue.stats().rejected, 1u);
  embedder.open();
  EXPECT_TRUE(running.get() && queued.get() && query.get());
  EXPECT_EQ(queue.stats().queued_texts, 0u);
  EXPECT_EQ(queue.stats().queued_tokens, 0u);
}

TEST(EmbeddingQueue, IsBoundedInTokens) {
  FakeEmbedder embedder(false);
  EmbeddingQueueConfig config = no_window();
  config.max_queued_tokens = 20;
  EmbeddingQueue queue(embedder, config);
  Submitted running = submit(queue, {"r"});
  embedder.await_calls(1);
  Submitted exactly = submit(queue, {text('a', 20)});
  Submitted over = submit(queue, {"b"});
  EXPECT_EQ(over.get().error().code, ErrorCode::kOverloaded);
  embedder.open();
  EXPECT_TRUE(exactly.get());
}

TEST(EmbeddingQueue, WhatCouldNeverFitIsTooLarge) {
  FakeEmbedder embedder;
  EmbeddingQueueConfig config = no_window();
  config.max_queued_texts = 2;
  config.max_queued_tokens = 20;
  EmbeddingQueue queue(embedder, config);
  EXPECT_EQ(submit(queue, {"a", "b", "c"}).get().error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(submit(queue, {text('a', 21)}).get().error().code, ErrorCode::kTooLarge);
  EXPECT_TRUE(submit(queue, {text('a', 20)}).get());
}

TEST(EmbeddingQueue, ExpiredRequestsAreNotEmbedded) {
  FakeEmbedder embedder(false);
  ManualClock clock;
  EmbeddingQueue queue(embedder, no_window(), {}, clock);
  Submitted late = submit(queue, {"late"}, kQuery, Deadline(clock.now()));
  ASSERT_TRUE(late.answered());
  EXPECT_EQ(late.get().error().code, ErrorCode::kDeadlineExceeded);
  Submitted running = submit(queue, {"r"}, kQuery, Deadline::after(1s, clock.now()));
  embedder.await_calls(1);
  Submitted expires = submit(queue, {"e"}, kQuery, Deadline::after(1s, clock.now()));
  Submitted lives = submit(queue, {"l"}, kQuery, Deadline::after(2s, clock.now()));
  clock.advance(1s);
  embedder.open();
  EXPECT_TRUE(running.get()); // started in time
  EXPECT_EQ(expires.get().error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_TRUE(lives.get());
  EXPECT_EQ(embedder.calls()[1], Texts{"l"});
  EXPECT_EQ(queue.stats().expired, 2u);
}

TEST(EmbeddingQueue, ARequestThatExpiresHalfWayGetsOneError) {
  FakeEmbedder embedder(false);
  ManualClock clock;
  embedder.limits.tokens = 10;
  EmbeddingQueue queue(embedder, no_window(), {}, clock);
  Submitted ingest =
      submit(queue, Texts(3, text('i', 10)), kIngest, Deadline::after(1s, clock.now()));
  embedder.await_calls(1);
  clock.advance(1s);
  embedder.open();
  EXPECT_EQ(ingest.get().error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(embedder.calls().size(), 1u);
  EXPECT_EQ(queue.stats().queued_texts, 0u);
}

TEST(EmbeddingQueue, ACancelledRequestIsAnsweredAtOnceAndNotEmbedded) {
  FakeEmbedder embedder(false);
  EmbeddingQueue queue(embedder, no_window());
  Submitted running = submit(queue, {"r"});
  embedder.await_calls(1);
  Submitted queued = submit(queue, {"a"});
  Submitted other = submit(queue, {"b"});
  EXPECT_TRUE(queue.cancel(queued.ticket));
  ASSERT_TRUE(queued.answered());
  EXPECT_EQ(queued.get().error().code, ErrorCode::kClientClosed);
  EXPECT_FALSE(queue.cancel(queued.ticket));
  embedder.open();
  EXPECT_TRUE(other.get());
  EXPECT_EQ(embedder.calls()[1], Texts{"b"});
  EXPECT_FALSE(queue.cancel(other.ticket));
  EXPECT_FALSE(queue.cancel(0));
}

TEST(EmbeddingQueue, CancellingWhatRunsDropsItsResultAndItsRest) {
  FakeEmbedder embedder(false);
  embedder.limits.tokens = 10;
  EmbeddingQueue queue(embedder, no_window());
  Submitted running = submit(queue, Texts(3, text('r', 10)));
  embedder.await_calls(1);
  EXPECT_TRUE(queue.cancel(running.ticket));
  EXPECT_EQ(running.get().error().code, ErrorCode::kClientClosed);
  EXPECT_EQ(queue.stats().queued_texts, 0u);
  embedder.open();
  EXPECT_TRUE(submit(queue, {"next"}).get());
  EXPECT_EQ(embedder.calls().size(), 2u);
}

TEST(EmbeddingQueue, AFailedBatchFailsItsRequestsAndNoOthers) {
  FakeEmbedder embedder(false);
  embedder.limits.tokens = 10;
  EmbeddingQueue queue(embedder, no_window());
  Submitted fails = submit(queue, Texts(3, text('r', 10)));
  embedder.await_calls(1);
  embedder.fail_with(ErrorCode::kUnavailable);
  embedder.release_one();
  EXPECT_EQ(fails.get().error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(embedder.calls().size(), 1u);
  EXPECT_EQ(queue.stats().failed, 1u);
  EXPECT_EQ(queue.stats().queued_texts, 0u);
}

TEST(EmbeddingQueue, AnEmbedderThatReturnsTooLittleIsAnError) {
  FakeEmbedder embedder;
  embedder.return_too_little();
  EmbeddingQueue queue(embedder, no_window());
  EXPECT_EQ(submit(queue, {"a"}).get().error().code, ErrorCode::kUpstream);
}

TEST(EmbeddingQueue, StoppingFinishesTheRunningBatchAndRefusesTheRest) {
  FakeEmbedder embedder(false);
  EmbeddingQueue queue(embedder, no_window());
  Submitted running = submit(queue, {"r"});
  embedder.await_calls(1);
  Submitted queued = submit(queue, {"a"});
  std::thread stopping([&] { queue.stop(); });
  // Until the stop has begun, submissions are accepted; each is answered all the same.
  while (true) {
    Submitted probe = submit(queue, {"p"});
    if (probe.ticket == 0 && probe.get().error().code == ErrorCode::kDraining) break;
  }
  embedder.open();
  stopping.join();
  EXPECT_TRUE(running.get());
  EXPECT_EQ(queued.get().error().code, ErrorCode::kDraining);
  EXPECT_EQ(submit(queue, {"late"}).get().error().code, ErrorCode::kDraining);
  queue.stop();
}

TEST(EmbeddingQueue, ReportsItsBatches) {
  FakeEmbedder embedder(false);
  ManualClock clock;
  std::vector<EmbeddingBatch> batches;
  EmbeddingQueue queue(
      embedder, no_window(), [&](const EmbeddingBatch& batch) { batches.push_back(batch); }, clock);
  Submitted first = submit(queue, {"a"});
  embedder.await_calls(1);
  Submitted second = submit(queue, {"b", "bb"}, kIngest);
  clock.advance(5ms);
  Submitted third = submit(queue, {"c"}, kIngest);
  clock.advance(1ms);
  embedder.open();
  EXPECT_TRUE(first.get() && second.get() && third.get());
  queue.stop();
  ASSERT_EQ(batches.size(), 2u);
  EXPECT_EQ(batches[0].priority, kQuery);
  EXPECT_EQ(batches[0].elapsed, 6ms);
  EXPECT_EQ(batches[1].priority, kIngest);
  EXPECT_EQ(batches[1].requests, 2u);
  EXPECT_EQ(batches[1].texts, 3u);
  EXPECT_EQ(batches[1].tokens, 3u + 4 + 3);
  EXPECT_EQ(batches[1].waited, 6ms);
  EXPECT_EQ(queue.stats().batches, 2u);
  EXPECT_EQ(queue.stats().texts, 4u);
}

TEST(EmbeddingQueue, EveryOneOfManySubmissionsIsAnsweredOnce) {
  FakeEmbedder embedder;
  embedder.limits.tokens = 64;
  EmbeddingQueue queue(embedder, no_window());
  std::atomic<int> answers = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < 500; ++i) {
          const auto ticket =
              queue.submit(Texts(1 + i % 5, text('x', 3 + i % 20)), thread % 2 ? kQuery : kIngest,
                           Deadline(), [&](const Result<Embeddings>&) { ++answers; });
          if (i % 7 == 0) queue.cancel(ticket);
        }
      });
    }
  }
  queue.stop();
  EXPECT_EQ(answers, 2000);
  EXPECT_EQ(queue.stats().queued_tokens, 0u);
}

TEST(EmbeddingQueue, RunsAsManyCallsAsTheEmbedderTakes) {
  FakeEmbedder embedder(false);
  embedder.limits.calls = 3;
  EmbeddingQueue queue(embedder, no_window());
  std::vector<Submitted> submitted;
  for (int i = 0; i < 3; ++i) {
    submitted.push_back(submit(queue, {"a"}));
    embedder.await_calls(i + 1);
  }
  submitted.push_back(submit(queue, {"b"}));
  submitted.push_back(submit(queue, {"c"}));
  embedder.open();
  for (Submitted& each : submitted) EXPECT_TRUE(each.get());
  EXPECT_EQ(embedder.calls()[3], (Texts{"b", "c"}));
}

TEST(EmbeddingQueue, ARefusedTextFailsItsRequestAlone) {
  FakeEmbedder embedder(false);
  embedder.refuse("bad");
  EmbeddingQueue queue(embedder, no_window());
  Submitted running = submit(queue, {"r"});
  embedder.await_calls(1);
  std::vector<Submitted> good;
  for (const char* text : {"a", "b", "c"}) good.push_back(submit(queue, {text}));
  Submitted bad = submit(queue, {"good", "bad"});
  for (const char* text : {"d", "e", "f"}) good.push_back(submit(queue, {text}));
  embedder.open();
  for (Submitted& each : good) {
    const auto made = each.get();
    ASSERT_TRUE(made);
    EXPECT_TRUE(made->refused.empty());
  }
  expect_refused(bad.get(), {1});
  expect_refused(submit(queue, {"bad"}).get(), {0});
  EXPECT_EQ(queue.stats().queued_texts, 0u);
}

TEST(EmbeddingQueue, ARefusedTextIsNamedAndTheOthersAreEmbeddedOnce) {
  FakeEmbedder embedder;
  embedder.refuse("bad");
  EmbeddingQueue queue(embedder, no_window());
  const auto made = submit(queue, {"a", "b", "c", "d", "e", "bad", "f", "g"}).get();
  expect_refused(made, {5});
  EXPECT_EQ(made->values,
            (std::vector<float>{1, 'a', 1, 'b', 1, 'c', 1, 'd', 1, 'e', 0, 0, 1, 'f', 1, 'g'}));
  EXPECT_EQ(made->tokens, 7u * 3);
  queue.stop();
  const auto calls = embedder.calls();
  EXPECT_EQ(calls.size(), 1 + 2 * 3u); // and 2·log2(8) more
  std::size_t embedded = 0;
  for (const Texts& call : calls) {
    if (std::ranges::find(call, "bad") == call.end()) embedded += call.size();
  }
  EXPECT_EQ(embedded, 7u);
}

TEST(EmbeddingQueue, AnyTextsAtFaultAreFoundAmongGoodOnes) {
  FakeEmbedder embedder;
  embedder.refuse("bad");
  embedder.limits.tokens = 1000;
  EmbeddingQueue queue(embedder, no_window());
  Texts texts(100, "good");
  const std::vector<std::size_t> at_fault{0, 10, 11, 40, 41, 42, 70, 98, 99};
  for (const std::size_t text : at_fault) texts[text] = "bad";
  expect_refused(submit(queue, texts).get(), at_fault);
}

TEST(EmbeddingQueue, WhatNobodyWaitsForAnyMoreIsNotCalledFor) {
  FakeEmbedder embedder(false);
  embedder.refuse("bad");
  EmbeddingQueue queue(embedder, no_window());
  Submitted running = submit(queue, {"r"});
  embedder.await_calls(1);
  Submitted leaves = submit(queue, {"a", "bad", "b", "c"});
  Submitted stays = submit(queue, {"d", "e"});
  embedder.release_one();
  embedder.await_calls(2);
  EXPECT_TRUE(queue.cancel(leaves.ticket));
  embedder.open();
  EXPECT_TRUE(stays.get());
  queue.stop();
  EXPECT_EQ(embedder.calls(),
            (std::vector<Texts>{{"r"}, {"bad", "a", "b", "c", "d", "e"}, {"d", "e"}}));
}

TEST(EmbeddingQueue, RefusalsThatAreNotTheTextsFaultEndSoon) {
  FakeEmbedder embedder;
  embedder.fail_with(ErrorCode::kInvalidField);
  EmbeddingQueue queue(embedder, no_window());
  EXPECT_EQ(submit(queue, Texts(100, "a")).get().error().code, ErrorCode::kInvalidField);
  queue.stop();
  EXPECT_LE(embedder.calls().size(), refusals_allowed(100) + 2);
}

TEST(EmbeddingQueue, TokensAreThoseThatTheEmbedderMeters) {
  FakeEmbedder embedder(false);
  embedder.meter(10); // of each text
  std::vector<EmbeddingBatch> batches;
  EmbeddingQueue queue(embedder, no_window(),
                       [&](const EmbeddingBatch& batch) { batches.push_back(batch); });
  Submitted running = submit(queue, {"r"});
  embedder.await_calls(1);
  Submitted two = submit(queue, {text('a', 4), text('b', 4)});
  Submitted one = submit(queue, {text('c', 4)});
  embedder.open();
  EXPECT_EQ(two.get()->tokens, 20u);
  EXPECT_EQ(one.get()->tokens, 10u);
  queue.stop();
  EXPECT_EQ(batches[1].tokens, 30u);
}

TEST(EmbeddingQueue, StoppingInterruptsTheEmbedder) {
  FakeEmbedder embedder;
  EmbeddingQueue queue(embedder, no_window());
  queue.stop();
  EXPECT_TRUE(embedder.interrupted);
}

} // namespace
} // namespace raglan::model
