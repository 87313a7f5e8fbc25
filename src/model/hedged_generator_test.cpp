#include "model/hedged_generator.h"

#include <atomic>
#include <deque>

#include "base/guarded.h"
#include "net/completion.h"
#include "net/loop_fixture_test.h"

namespace raglan::model {
namespace {

using namespace std::chrono_literals;

// What one call does: it begins to write when it is told to, or at once, and then ends.
struct Play {
  bool held = false;
  std::vector<std::string> pieces{"text"};
  std::optional<ErrorCode> fails;
};

// Calls act what stands in `plays`, in their order; without any they write at once.
class Stage final : public Generator {
 public:
  explicit Stage(ManualClock& clock) : clock_(clock) {}

  std::string_view id() const override { return "stage:1"; }
  std::string_view name() const override { return "stage"; }
  Result<> check() const override { return {}; }
  net::Task<Result<Generation>> generate(GenerationRequest request, OnText on_text) override {
    last_resort = request.last_resort;
    ++calls;
    const Play play = plays.with([](std::deque<Play>& left) {
      if (left.empty()) return Play();
      Play next = std::move(left.front());
      left.pop_front();
      return next;
    });
    clock_.advance(10ms); // what a call usually takes
    if (play.held) {
      auto wait = [this](const net::Completion<void>& done) {
        held.with([&](auto& all) { all.push_back(done); });
      };
      if (auto ok = co_await net::await_completion<void>(std::move(wait)); !ok) {
        ++cancelled;
        co_return forward_error(ok);
      }
    }
    std::string text;
    for (const std::string& piece : play.pieces) on_text(piece), text += piece;
    if (play.fails) co_return fail(*play.fails, "out of order");
    co_return Generation{.text = text, .model = "stage"};
  }

  void let_go(std::size_t which) {
    held.with([which](auto& all) { all.at(which).deliver({}); });
  }
  std::size_t holding() const {
    return held.with([](const auto& all) { return all.size(); });
  }

  std::atomic<int> calls = 0;
  std::atomic<int> cancelled = 0;
  std::atomic<bool> last_resort = true; // of the last call
  Guarded<std::deque<Play>> plays;
  Guarded<std::vector<net::Completion<void>>> held;

 private:
  ManualClock& clock_;
};

class HedgedGeneratorTest : public net::LoopTest {
 protected:
  // Twenty usual calls; a hedge is due after 10 ms, and one is earned.
  void SetUp() override {
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(generate().get());
    stage_.calls = 0;
    shown_.clear();
  }
  ~HedgedGeneratorTest() override { loops_.stop(); }

  net::Running<Generation> generate() {
    Generator::OnText on_text = [this](std::string_view piece) { shown_ += piece; };
    GenerationRequest request;
    request.waiting = [this] { return waiting_.load(); };
    return start(hedged_.generate(std::move(request), std::move(on_text)));
  }
  void act(std::deque<Play> plays) {
    stage_.plays.with([&](std::deque<Play>& left) { left = std::move(plays); });
  }
  void await(const std::function<bool()>& reached) {
    const Clock& clock = SystemClock::instance();
    const MonotonicTime patience = clock.now() + 20s;
    while (!reached() && clock.now() < patience) std::this_thread::yield();
    ASSERT_TRUE(reached());
  }

  ManualClock clock_;
  std::string shown_;
  std::atomic<std::size_t> waiting_ = 0;
  std::unique_ptr<Stage> made_ = std::make_unique<Stage>(clock_);
  Stage& stage_ = *made_;
  HedgedGenerator hedged_{std::move(made_), {.enabled = true, .max_ratio = 0.2}, clock_};
};

TEST_F(HedgedGeneratorTest, WhoWritesSoonIsAskedOnce) {
  EXPECT_EQ(generate().get()->text, "text");
  EXPECT_EQ(stage_.calls, 1);
  EXPECT_EQ(hedged_.status().hedged, 0u);
}

TEST_F(HedgedGeneratorTest, TheHedgeAnswersWhenTheFirstCallHangs) {
  act({{.held = true}, {.pieces = {"from ", "the hedge"}}});
  EXPECT_EQ(generate().get()->text, "from the hedge");
  EXPECT_EQ(shown_, "from the hedge");
  EXPECT_FALSE(stage_.last_resort); // it neither waits nor is retried
  await([this] { return stage_.cancelled == 1; });
  EXPECT_EQ(hedged_.status().hedged, 1u);
  EXPECT_EQ(hedged_.status().won, 1u);
}

TEST_F(HedgedGeneratorTest, TheFirstCallMayStillWriteFirst) {
  act({{.held = true, .pieces = {"from the first"}}, {.held = true}});
  auto running = generate();
  await([this] { return stage_.holding() == 2; });
  stage_.let_go(0);
  EXPECT_EQ(running.get()->text, "from the first");
  EXPECT_EQ(shown_, "from the first");
  await([this] { return stage_.cancelled == 1; });
  EXPECT_EQ(hedged_.status().won, 0u);
}

TEST_F(HedgedGeneratorTest, NoHedgeIsMadeWhileTheQueueGrows) {
  act({{.held = true}});
  waiting_ = 1;
  auto running = generate();
  await([this] { return hedged_.status().refused == 1; });
  EXPECT_EQ(stage_.calls, 1);
  stage_.let_go(0);
  EXPECT_TRUE(running.get());
}

TEST_F(HedgedGeneratorTest, AFirstCallThatFailsIsNotHedged) {
  act({{.pieces = {}, .fails = ErrorCode::kUpstream}});
  EXPECT_EQ(generate().error(), ErrorCode::kUpstream);
  EXPECT_EQ(stage_.calls, 1);
}

TEST_F(HedgedGeneratorTest, AHedgeThatFailsLeavesItToTheFirst) {
  act({{.held = true, .pieces = {"late"}}, {.pieces = {}, .fails = ErrorCode::kOverloaded}});
  auto running = generate();
  await([this] { return stage_.calls == 2; });
  settle();
  stage_.let_go(0);
  EXPECT_EQ(running.get()->text, "late");
}

TEST_F(HedgedGeneratorTest, AFirstCallThatFailsLeavesItToTheHedge) {
  act({{.held = true, .pieces = {}, .fails = ErrorCode::kUpstream},
       {.held = true, .pieces = {"saved"}}});
  auto running = generate();
  await([this] { return stage_.holding() == 2; });
  stage_.let_go(0);
  settle();
  stage_.let_go(1);
  EXPECT_EQ(running.get()->text, "saved");
}

TEST_F(HedgedGeneratorTest, WhenBothFailTheFirstErrorIsTold) {
  act({{.held = true, .pieces = {}, .fails = ErrorCode::kUpstream},
       {.held = true, .pieces = {}, .fails = ErrorCode::kOverloaded}});
  auto running = generate();
  await([this] { return stage_.holding() == 2; });
  stage_.let_go(0);
  settle();
  stage_.let_go(1);
  EXPECT_EQ(running.error(), ErrorCode::kUpstream);
}

TEST_F(HedgedGeneratorTest, WhoGoesAwayCancelsBothCalls) {
  act({{.held = true}, {.held = true}});
  auto running = generate();
  await([this] { return stage_.holding() == 2; });
  running.cancel();
  EXPECT_EQ(running.error(), ErrorCode::kClientClosed);
  await([this] { return stage_.cancelled == 2; });
  EXPECT_EQ(shown_, "");
}

TEST_F(HedgedGeneratorTest, WhatFailsAfterItHasWrittenIsNotSavedByTheOther) {
  act({{.held = true, .pieces = {"half"}, .fails = ErrorCode::kUpstream}, {.held = true}});
  auto running = generate();
  await([this] { return stage_.holding() == 2; });
  stage_.let_go(0);
  EXPECT_EQ(running.error(), ErrorCode::kUpstream);
  EXPECT_EQ(shown_, "half");
}

} // namespace
} // namespace raglan::model
