#include "node/body_work.h"

#include "net/loop_fixture_test.h"
#include "runtime/executor.h"

namespace raglan::node {
namespace {

class BodyWorkTest : public net::LoopTest {
 protected:
  // The loop that the work of a body of this size ran on; nothing when it ran elsewhere.
  std::optional<std::size_t> loop_of(std::size_t body_bytes) {
    auto work = [this]() -> Result<std::optional<std::size_t>> { return loops_.current(); };
    auto running = start(
        work_on_body(body_bytes, submit_, std::move(work), Deadline(), SystemClock::instance()), 1);
    const auto loop = running.get();
    EXPECT_TRUE(loop.has_value());
    return loop.value_or(std::nullopt);
  }

  runtime::Executor executor_{{.name = "test", .threads = 1, .max_queued = 1}};
  net::Submit submit_ = [this](std::function<void()> work) {
    return executor_.try_submit(std::move(work));
  };
};

TEST_F(BodyWorkTest, ASmallBodyIsWorkedOnByItsLoop) { EXPECT_EQ(loop_of(kMaxInlineBodyBytes), 1u); }

TEST_F(BodyWorkTest, ALargerOneKeepsNoLoopBusy) {
  EXPECT_EQ(loop_of(kMaxInlineBodyBytes + 1), std::nullopt);
}

} // namespace
} // namespace raglan::node
