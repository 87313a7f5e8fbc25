#include "runtime/executor.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>

namespace raglan::runtime {
namespace {

// Keeps a one-thread executor busy until released. The task owns what it uses: it may still be
// returning from its wait when the blocker is gone.
class Blocker {
 public:
  explicit Blocker(Executor& executor) {
    const auto running = std::make_shared<std::promise<void>>();
    EXPECT_TRUE(executor.try_submit([running, release = release_] {
      running->set_value();
      release->get_future().wait();
    }));
    running->get_future().wait();
  }
  void release() { release_->set_value(); }

 private:
  const std::shared_ptr<std::promise<void>> release_ = std::make_shared<std::promise<void>>();
};

TEST(Executor, RunsWorkInOrder) {
  Executor executor({.name = "test"});
  std::vector<int> order;
  std::promise<void> done;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(executor.try_submit([&, i] { order.push_back(i); }));
  ASSERT_TRUE(executor.try_submit([&] { done.set_value(); }));
  done.get_future().wait();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
}

TEST(Executor, RefusesExactlyWhatDoesNotFitItsQueue) {
  Executor executor({.name = "test", .threads = 1, .max_queued = 2});
  Blocker blocker(executor);
  EXPECT_TRUE(executor.try_submit([] {}));
  EXPECT_TRUE(executor.try_submit([] {}));
  EXPECT_EQ(executor.queued(), 2u);
  EXPECT_FALSE(executor.try_submit([] {}));
  EXPECT_EQ(executor.rejected(), 1u);
  blocker.release();
}

TEST(Executor, StopDropsQueuedWorkAndDestroysIt) {
  Executor executor({.name = "test"});
  Blocker blocker(executor);
  auto token = std::make_shared<int>();
  std::weak_ptr<int> watched = token;
  bool ran = false;
  ASSERT_TRUE(executor.try_submit([token = std::move(token), &ran] { ran = true; }));
  std::thread stopper([&] { executor.stop(); });
  while (!watched.expired()) std::this_thread::yield();
  blocker.release();
  stopper.join();
  EXPECT_FALSE(ran);
  EXPECT_FALSE(executor.try_submit([] {}));
}

TEST(Executor, EveryTaskRunsOnceUnderConcurrentSubmission) {
  std::atomic<int> ran{0};
  int accepted = 0;
  {
    Executor executor({.name = "test", .threads = 3, .max_queued = 100'000});
    std::vector<std::thread> submitters;
    std::atomic<int> taken{0};
    for (int t = 0; t < 3; ++t) {
      submitters.emplace_back([&] {
        for (int i = 0; i < 2000; ++i) taken += executor.try_submit([&] { ++ran; }) ? 1 : 0;
      });
    }
    for (auto& submitter : submitters) submitter.join();
    accepted = taken;
    std::promise<void> drained;
    while (executor.queued() > 0) std::this_thread::yield();
    EXPECT_TRUE(executor.try_submit([&] { drained.set_value(); }));
    drained.get_future().wait();
  }
  EXPECT_EQ(accepted, 6000);
  EXPECT_EQ(ran, 6000);
}

} // namespace
} // namespace raglan::runtime
