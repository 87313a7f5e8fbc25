#include "net/wakeup.h"

#include <gtest/gtest.h>

#include "net/first_of.h"
#include "net/loop_fixture_test.h"
#include "net/pause.h"

namespace raglan::net {
namespace {

using namespace std::chrono_literals;

class WakeupTest : public LoopTest {
 protected:
  ~WakeupTest() override { loops_.stop(); }

  Task<Result<int>> sleep(Duration duration) {
    co_await wakeup_.sleep(duration);
    co_return ++sleeps_;
  }

  Wakeup wakeup_{loops_.executor(0)};
  int sleeps_ = 0;
};

TEST_F(WakeupTest, ASleepEndsByItself) { EXPECT_EQ(start(sleep(1ms)).get(), 1); }

TEST_F(WakeupTest, OrWhenSomebodyWakesIt) {
  auto sleeping = start(sleep(1h));
  wakeup_.wake();
  EXPECT_EQ(sleeping.get(), 1);
}

TEST_F(WakeupTest, WhoIsWokenWhileAwakeSleepsTheTimeAfterNext) {
  wakeup_.wake();
  EXPECT_EQ(start(sleep(1h)).get(), 1);
  auto sleeping = start(sleep(1h));
  wakeup_.wake();
  EXPECT_EQ(sleeping.get(), 2);
}

class FirstOfTest : public LoopTest {
 protected:
  ~FirstOfTest() override { loops_.stop(); }

  Task<void> end_at_once() { co_return; }
  Task<void> wait_until_cancelled() { cancelled_ = !co_await pause(1h); }
  Task<void> fail() {
    co_await pause(1ms);
    throw std::runtime_error("failed");
  }
  Task<void> end_later() {
    co_await pause(5ms);
    ended_ = true;
  }
  Task<Result<bool>> run(Task<void> one, Task<void> other) {
    co_await first_of(std::move(one), std::move(other));
    co_return true;
  }

  bool cancelled_ = false;
  bool ended_ = false;
};

TEST_F(FirstOfTest, TheOtherIsCancelledAndHasEnded) {
  EXPECT_TRUE(start(run(end_at_once(), wait_until_cancelled())).get());
  EXPECT_TRUE(cancelled_);
  cancelled_ = false;
  EXPECT_TRUE(start(run(wait_until_cancelled(), end_at_once())).get());
  EXPECT_TRUE(cancelled_);
}

TEST_F(FirstOfTest, OneThatThrowsHasNotEnded) {
  EXPECT_TRUE(start(run(fail(), end_later())).get());
  EXPECT_TRUE(ended_);
}

} // namespace
} // namespace raglan::net
