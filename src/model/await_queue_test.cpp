#include "model/await_queue.h"

#include <gtest/gtest.h>

#include <semaphore>

#include "model/await_embedding.h"
#include "net/loop_fixture_test.h"

namespace raglan::model {
namespace {

// Embeds nothing until it is let go on.
class SlowEmbedder final : public Embedder {
 public:
  std::string_view id() const override { return "slow"; }
  std::string_view name() const override { return "fake"; }
  std::size_t dimension() const override { return 1; }
  std::size_t max_tokens() const override { return 256; }
  std::size_t count_tokens(std::string_view text) const override { return text.size(); }
  BatchLimits batch_limits() const override { return {.texts = 64, .tokens = 512}; }
  Result<Embeddings> embed(const std::vector<std::string_view>& texts, EmbeddingCall) override {
    begun.release();
    go_on.acquire();
    return Embeddings{
        .dimension = 1, .values = std::vector<float>(texts.size(), 1), .tokens = texts.size()};
  }

  std::counting_semaphore<> begun{0};
  std::counting_semaphore<> go_on{0};
};

class AwaitQueueTest : public net::LoopTest {
 protected:
  auto embed(Deadline deadline = {}) {
    return start(await_queue(queue_, submit_, {"text"}, EmbeddingPriority::kQuery, deadline,
                             SystemClock::instance()));
  }
  static Deadline soon() {
    return Deadline::after(std::chrono::milliseconds(20), SystemClock::instance().now());
  }

  SlowEmbedder embedder_;
  EmbeddingQueue queue_{embedder_, {}};
  net::Submit submit_ = join_in_place;
};

TEST_F(AwaitQueueTest, GivesTheQueuesVectors) {
  embedder_.go_on.release();
  auto made = embed(Deadline::after(std::chrono::hours(1), SystemClock::instance().now()));
  EXPECT_EQ(made.get()->rows(), 1u);
}

TEST_F(AwaitQueueTest, TheWaitForTheExecutorEndsAtTheDeadlineAndNothingJoinsAfterIt) {
  std::function<void()> held;
  submit_ = [&](std::function<void()> work) {
    held = std::move(work);
    return true;
  };
  auto waiting = embed(soon());
  EXPECT_EQ(waiting.error(), ErrorCode::kDeadlineExceeded);
  held();
  EXPECT_EQ(queue_.stats().queued_texts, 0u);
  EXPECT_EQ(queue_.stats().rejected + queue_.stats().expired, 0u); // it did not even try
}

TEST_F(AwaitQueueTest, TheWaitForARunningBatchEndsAtTheDeadline) {
  auto waiting = embed(soon());
  EXPECT_EQ(waiting.error(), ErrorCode::kDeadlineExceeded);
  embedder_.go_on.release();
}

TEST_F(AwaitQueueTest, TextsOfAClientThatWentAwayLeaveTheQueue) {
  auto first = embed();
  embedder_.begun.acquire(); // the second one waits behind it
  auto second = embed();
  while (queue_.stats().queued_texts == 0) settle();
  second.cancel();
  EXPECT_EQ(second.error(), ErrorCode::kClientClosed);
  EXPECT_EQ(queue_.stats().queued_texts, 0u);
  EXPECT_EQ(queue_.stats().cancelled, 1u);
  embedder_.go_on.release();
  EXPECT_TRUE(first.get());
}

TEST_F(AwaitQueueTest, AFullExecutorIsOverloadedAndAStoppedOneUnavailable) {
  submit_ = [](const std::function<void()>&) { return false; };
  EXPECT_EQ(embed().error(), ErrorCode::kOverloaded);
  submit_ = [](const std::function<void()>&) { return true; }; // drops it
  EXPECT_EQ(embed().error(), ErrorCode::kUnavailable);
}

} // namespace
} // namespace raglan::model
