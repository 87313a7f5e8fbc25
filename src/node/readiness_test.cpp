#include "node/readiness.h"

#include <deque>

#include "net/loop_fixture_test.h"

namespace raglan::node {
namespace {

// An executor whose work runs when the test says so, on the test's thread.
class ReadinessTest : public net::LoopTest {
 protected:
  ReadinessTest() { readiness_.mark_started(); }
  ~ReadinessTest() override {
    queue_.with([](auto& queue) { queue.clear(); });
    loops_.stop();
  }

  // Under way, and at its wait, when this returns.
  net::Running<ReadinessReport> probe(std::size_t loop = 0) {
    auto report = start(report_of(), loop);
    settle(loop);
    return report;
  }
  net::Task<Result<ReadinessReport>> report_of() { co_return co_await readiness_.report(); }
  std::size_t queued() {
    return queue_.with([](auto& queue) { return queue.size(); });
  }
  void run_next() {
    auto work = queue_.with([](auto& queue) {
      auto front = std::move(queue.front());
      queue.pop_front();
      return front;
    });
    work();
  }

  ManualClock clock_;
  std::atomic<bool> healthy_ = true;
  std::atomic<int> runs_ = 0;
  std::atomic<bool> accepting_ = true;
  Guarded<std::deque<std::function<void()>>> queue_;
  Readiness readiness_{{{"store", true,
                         [this]() -> Result<> {
                           ++runs_;
                           if (healthy_) return {};
                           return fail(ErrorCode::kUnavailable, "gone");
                         }}},
                       [this](std::function<void()> work) {
                         if (!accepting_) return false;
                         queue_.with([&](auto& queue) { queue.push_back(std::move(work)); });
                         return true;
                       },
                       clock_};
};

TEST_F(ReadinessTest, ProbesThatComeDuringARunShareIt) {
  auto first = probe(0);
  auto second = probe(0);
  auto third = probe(1);
  EXPECT_EQ(queued(), 1U);
  run_next();
  for (auto* report : {&first, &second, &third}) EXPECT_TRUE(report->get()->ready);
  EXPECT_EQ(runs_, 1);
  EXPECT_EQ(queued(), 0U);
}

TEST_F(ReadinessTest, ResultsAreKeptForTheirLifetimeAndNoLonger) {
  auto first = probe();
  clock_.advance(std::chrono::seconds(2)); // a slow run: its results are new when it ends
  run_next();
  EXPECT_TRUE(first.get()->ready);
  healthy_ = false;
  clock_.advance(Readiness::kCheckLifetime - Duration(1));
  EXPECT_TRUE(probe().get()->ready);
  EXPECT_EQ(queued(), 0U);
  clock_.advance(Duration(1));
  auto later = probe();
  run_next();
  const auto report = *later.get();
  EXPECT_FALSE(report.ready);
  EXPECT_EQ(report.checks.at("store"), CheckState::kFailed);
}

TEST_F(ReadinessTest, ARunThatTakesTooLongHasFailedUntilItEnds) {
  auto waiting = probe();
  clock_.advance(Readiness::kMaxCheckTime);
  EXPECT_FALSE(probe().get()->ready);
  EXPECT_EQ(queued(), 1U) << "the run under way is not joined by another";
  run_next();
  EXPECT_TRUE(waiting.get()->ready);
  EXPECT_TRUE(probe().get()->ready);
}

TEST_F(ReadinessTest, ADroppedRunHasFailedAndTheNextProbeStartsAnother) {
  auto dropped = probe();
  queue_.with([](auto& queue) { queue.clear(); });
  EXPECT_FALSE(dropped.get()->ready);
  accepting_ = false;
  EXPECT_FALSE(probe().get()->ready);
  accepting_ = true;
  auto next = probe();
  run_next();
  EXPECT_TRUE(next.get()->ready);
}

TEST_F(ReadinessTest, ANodeThatDrainsIsNotReadyWhateverItsChecksSay) {
  readiness_.mark_draining();
  auto report = probe();
  run_next();
  EXPECT_FALSE(report.get()->ready);
  readiness_.mark_started();
  EXPECT_EQ(readiness_.phase(), Phase::kDraining);
}

} // namespace
} // namespace raglan::node
