#include "net/completion.h"

#include <thread>

#include "net/loop_fixture_test.h"

namespace raglan::net {
namespace {

// Hands the Completion out to the test's thread.
class Source {
 public:
  Task<Result<int>> wait() {
    auto begin = [this](Completion<int> done) { handed_out_.set_value(std::move(done)); };
    co_return co_await await_completion<int>(std::move(begin));
  }
  Completion<int> take() { return handed_out_.get_future().get(); }

 private:
  std::promise<Completion<int>> handed_out_;
};

class CompletionTest : public LoopTest {
 protected:
  Source source_;
};

TEST_F(CompletionTest, ResumesWithWhatAnotherThreadDelivers) {
  auto running = start(source_.wait());
  std::thread([done = source_.take()] { done.deliver(7); }).join();
  EXPECT_EQ(running.get().value_or(-1), 7);
}

TEST_F(CompletionTest, DeliversErrors) {
  auto running = start(source_.wait());
  source_.take().deliver(fail(ErrorCode::kCorrupt, "x"));
  EXPECT_EQ(running.error(), ErrorCode::kCorrupt);
}

TEST_F(CompletionTest, MayDeliverBeforeBeginReturns) {
  auto wait = []() -> Task<Result<int>> {
    auto begin = [](const Completion<int>& done) { done.deliver(3); };
    co_return co_await await_completion<int>(std::move(begin));
  };
  auto running = start(wait());
  EXPECT_EQ(running.get().value_or(-1), 3);
}

TEST_F(CompletionTest, ResumesOnItsOwnLoop) {
  auto wait = [this]() -> Task<Result<std::size_t>> {
    auto waited = co_await source_.wait();
    if (!waited) co_return forward_error(waited);
    co_return loops_.current().value_or(99);
  };
  auto running = start(wait(), 1);
  std::thread([done = source_.take()] { done.deliver(1); }).join();
  EXPECT_EQ(running.get().value_or(98), 1u);
}

TEST_F(CompletionTest, OnlyTheFirstDeliveryCounts) {
  auto running = start(source_.wait());
  const auto done = source_.take();
  done.deliver(1);
  done.deliver(2);
  EXPECT_EQ(running.get().value_or(-1), 1);
}

TEST_F(CompletionTest, IsUnavailableWhenEveryCopyIsGone) {
  auto running = start(source_.wait());
  std::optional<Completion<int>> first = source_.take();
  std::optional<Completion<int>> second = first;
  first.reset();
  settle();
  second.reset();
  EXPECT_EQ(running.error(), ErrorCode::kUnavailable);
}

TEST_F(CompletionTest, CancellationEndsTheWaitAndIsSeenByTheDeliverer) {
  auto running = start(source_.wait());
  const auto done = source_.take();
  EXPECT_FALSE(done.cancelled());
  running.cancel();
  EXPECT_EQ(running.error(), ErrorCode::kClientClosed);
  EXPECT_TRUE(done.cancelled());
  done.deliver(1); // nobody waits any more
  settle();
}

TEST_F(CompletionTest, ADeliveryThatRacesWithACancellationResumesOnce) {
  for (int i = 0; i < 500; ++i) {
    Source source;
    auto running = start(source.wait());
    std::thread deliverer([done = source.take()] { done.deliver(1); });
    running.cancel();
    const auto result = running.get();
    EXPECT_TRUE(result ? *result == 1 : result.error().code == ErrorCode::kClientClosed);
    deliverer.join();
  }
}

} // namespace
} // namespace raglan::net
