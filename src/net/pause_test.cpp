#include "net/pause.h"

#include "net/loop_fixture_test.h"

namespace raglan::net {
namespace {

using namespace std::chrono_literals;

class PauseTest : public LoopTest {
 protected:
  static Task<Result<Duration>> timed(Duration duration) {
    const Clock& clock = SystemClock::instance();
    const MonotonicTime before = clock.now();
    const auto waited = co_await pause(duration);
    if (!waited) co_return std::unexpected(waited.error());
    co_return clock.now() - before;
  }
};

TEST_F(PauseTest, IsNotShorterThanAskedFor) {
  const auto waited = start(timed(20ms)).get();
  ASSERT_TRUE(waited);
  EXPECT_GE(*waited, 20ms);
}

TEST_F(PauseTest, EndsWhenItIsCancelled) {
  auto waiting = start(timed(1h));
  settle();
  waiting.cancel();
  EXPECT_EQ(waiting.error(), ErrorCode::kClientClosed);
}

} // namespace
} // namespace raglan::net
