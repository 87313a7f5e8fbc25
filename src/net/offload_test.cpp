#include "net/offload.h"

#include <thread>

#include "net/loop_fixture_test.h"
#include "runtime/executor.h"

namespace raglan::net {
namespace {

// Keeps the executor's one thread busy until released.
class Blocker {
 public:
  explicit Blocker(runtime::Executor& executor) {
    EXPECT_TRUE(executor.try_submit([this] {
      running_.set_value();
      release_.get_future().wait();
    }));
    running_.get_future().wait();
  }
  void release() { release_.set_value(); }

 private:
  std::promise<void> running_;
  std::promise<void> release_;
};

class OffloadTest : public LoopTest {
 protected:
  // The executor is destroyed before the loops are.
  runtime::Executor executor_{{.name = "test", .threads = 1, .max_queued = 1}};
  Submit submit_ = [this](std::function<void()> work) {
    return executor_.try_submit(std::move(work));
  };

  // The clock stands still: a deadline passes when a test says so.
  ManualClock clock_;
  Deadline deadline_ = Deadline::after(std::chrono::hours(1), clock_.now());

  template <typename Work>
  auto run(Work work) {
    return offload(submit_, std::move(work), deadline_, clock_);
  }
};

TEST_F(OffloadTest, WorkRunsElsewhereAndResumesOnItsLoop) {
  struct Seen {
    std::optional<std::size_t> worker;
    std::optional<std::size_t> after;
  };
  auto wait = [this]() -> Task<Result<Seen>> {
    auto work = [this]() -> Result<Seen> { return Seen{loops_.current(), {}}; };
    auto seen = co_await run(std::move(work));
    if (seen) seen->after = loops_.current();
    co_return seen;
  };
  auto running = start(wait(), 1);
  const auto seen = running.get();
  ASSERT_TRUE(seen.has_value());
  EXPECT_EQ(seen->worker, std::nullopt);
  EXPECT_EQ(seen->after, 1u);
}

TEST_F(OffloadTest, TheWorksErrorIsPassedOn) {
  auto running = start(run([]() -> Result<int> { return fail(ErrorCode::kNotFound, "x"); }));
  EXPECT_EQ(running.error(), ErrorCode::kNotFound);
}

TEST_F(OffloadTest, WorkNeedNotBeCopyable) {
  auto running = start(run([value = std::make_unique<int>(4)]() -> Result<int> { return *value; }));
  EXPECT_EQ(running.get().value_or(-1), 4);
}

TEST_F(OffloadTest, AFullQueueIsOverloadedAtOnce) {
  Blocker blocker(executor_);
  ASSERT_TRUE(executor_.try_submit([] {}));
  std::atomic<bool> ran = false;
  auto running = start(run([&]() -> Result<int> {
    ran = true;
    return 1;
  }));
  EXPECT_EQ(running.error(), ErrorCode::kOverloaded);
  blocker.release();
  executor_.stop();
  EXPECT_FALSE(ran);
}

TEST_F(OffloadTest, WorkThatIsDroppedFromTheQueueIsUnavailable) {
  Blocker blocker(executor_);
  std::atomic<bool> ran = false;
  auto running = start(run([&]() -> Result<int> {
    ran = true;
    return 1;
  }));
  while (executor_.queued() == 0) std::this_thread::yield();
  std::thread stopper([&] { executor_.stop(); });
  EXPECT_EQ(running.error(), ErrorCode::kUnavailable);
  blocker.release();
  stopper.join();
  EXPECT_FALSE(ran);
}

TEST_F(OffloadTest, CancelledWorkThatIsStillQueuedNeverRuns) {
  Blocker blocker(executor_);
  std::atomic<bool> ran = false;
  auto running = start(run([&]() -> Result<int> {
    ran = true;
    return 1;
  }));
  while (executor_.queued() == 0) std::this_thread::yield();
  running.cancel();
  EXPECT_EQ(running.error(), ErrorCode::kClientClosed);
  blocker.release();
  while (executor_.queued() > 0) std::this_thread::yield();
  executor_.stop();
  EXPECT_FALSE(ran);
}

TEST_F(OffloadTest, CancellingRunningWorkEndsTheWaitAndDropsTheResult) {
  std::promise<void> begun;
  std::promise<void> release;
  auto running = start(run([&]() -> Result<int> {
    begun.set_value();
    release.get_future().wait();
    return 1;
  }));
  begun.get_future().wait();
  running.cancel();
  EXPECT_EQ(running.error(), ErrorCode::kClientClosed); // while the work still runs
  release.set_value();
  executor_.stop();
  settle();
}

TEST_F(OffloadTest, TheWaitInAQueueEndsAtTheDeadline) {
  Blocker blocker(executor_);
  std::atomic<bool> ran = false;
  auto work = [&]() -> Result<int> {
    ran = true;
    return 1;
  };
  const Clock& clock = SystemClock::instance();
  const Deadline deadline = Deadline::after(std::chrono::milliseconds(1), clock.now());
  auto running = start(offload(submit_, std::move(work), deadline, clock));
  EXPECT_EQ(running.error(), ErrorCode::kDeadlineExceeded); // the thread is still busy
  blocker.release();
  while (executor_.queued() > 0) std::this_thread::yield();
  executor_.stop();
  EXPECT_FALSE(ran);
}

TEST_F(OffloadTest, WorkWhoseTurnComesAfterItsDeadlineIsNotRun) {
  Blocker blocker(executor_);
  std::atomic<bool> ran = false;
  auto running = start(run([&]() -> Result<int> {
    ran = true;
    return 1;
  }));
  while (executor_.queued() == 0) std::this_thread::yield();
  clock_.advance(std::chrono::hours(1));
  blocker.release();
  EXPECT_EQ(running.error(), ErrorCode::kDeadlineExceeded);
  executor_.stop();
  EXPECT_FALSE(ran);
}

TEST_F(OffloadTest, AfterTheDeadlineNothingIsQueued) {
  Blocker blocker(executor_);
  clock_.advance(std::chrono::hours(1));
  auto running = start(run([]() -> Result<int> { return 1; }));
  EXPECT_EQ(running.error(), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(executor_.queued(), 0u);
  blocker.release();
}

TEST_F(OffloadTest, WithoutADeadlineWorkIsWaitedFor) {
  deadline_ = Deadline();
  auto running = start(run([]() -> Result<int> { return 4; }));
  EXPECT_EQ(running.get().value_or(-1), 4);
}

} // namespace
} // namespace raglan::net
