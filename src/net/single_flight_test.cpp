#include "net/single_flight.h"

#include <stdexcept>

#include "net/loop_fixture_test.h"

namespace raglan::net {
namespace {

using namespace std::chrono_literals;

class SingleFlightTest : public LoopTest {
 protected:
  // Work that says when it begins and ends when it is told to.
  struct Work {
    std::atomic<int> begun = 0;
    std::vector<Completion<int>> waits;

    Task<Result<int>> operator()() {
      ++begun;
      auto begin = [this](const Completion<int>& done) { waits.push_back(done); };
      co_return co_await await_completion<int>(std::move(begin));
    }
  };

  // Starts or joins, from loop `loop`; returns when that has been done.
  Running<int> ask(std::size_t loop = 0, std::uint8_t number = 1, Deadline deadline = {},
                   int urgency = 1) {
    return start(run(number, deadline, urgency), loop);
  }
  Running<int> ask_in_background(std::size_t loop = 0) { return ask(loop, 1, {}, 0); }
  static Hash128 key(std::uint8_t number) {
    Hash128 key;
    key.bytes[0] = number;
    return key;
  }
  Task<Result<int>> run(std::uint8_t number, Deadline deadline, int urgency) {
    bool joined = false;
    auto begin = [this] { return work_(); };
    auto result = co_await flights_.run(key(number), urgency, begin, deadline, clock_, joined);
    if (joined) ++joined_;
    co_return result;
  }
  // Until `count` works have begun, and all that was posted to the loops is done.
  void await_begun(int count) {
    while (work_.begun < count) std::this_thread::yield();
    settle(0);
    settle(1);
    settle(0);
  }
  void finish(Result<int> result, std::size_t which = 0) {
    loops_.post(0, [this, which, result] { work_.waits.at(which).deliver(result); });
  }

  SingleFlight<int> flights_;
  Work work_;
  ManualClock clock_;
  std::atomic<int> joined_ = 0;
};

TEST_F(SingleFlightTest, CallersOfOneKeyShareOneWork) {
  auto first = ask(0);
  await_begun(1);
  auto second = ask(0);
  auto third = ask(1);
  settle(0);
  settle(1);
  finish(7);
  EXPECT_EQ(first.get().value_or(-1), 7);
  EXPECT_EQ(second.get().value_or(-1), 7);
  EXPECT_EQ(third.get().value_or(-1), 7);
  EXPECT_EQ(work_.begun, 1);
  EXPECT_EQ(joined_, 2);
  EXPECT_EQ(flights_.joined_total(), 2u);
  EXPECT_EQ(flights_.in_flight(), 0u);
}

TEST_F(SingleFlightTest, OtherKeysHaveTheirOwn) {
  auto first = ask(0, 1);
  auto second = ask(0, 2);
  await_begun(2);
  EXPECT_EQ(flights_.in_flight(), 2u);
  finish(1, 0);
  finish(2, 1);
  EXPECT_EQ(first.get().value_or(-1), 1);
  EXPECT_EQ(second.get().value_or(-1), 2);
}

TEST_F(SingleFlightTest, WhoComesAfterwardsStartsAnew) {
  auto first = ask();
  await_begun(1);
  finish(1, 0);
  EXPECT_EQ(first.get().value_or(-1), 1);
  auto second = ask();
  await_begun(2);
  finish(2, 1);
  EXPECT_EQ(second.get().value_or(-1), 2);
}

TEST_F(SingleFlightTest, AnErrorIsSharedAndNotKept) {
  auto first = ask();
  await_begun(1);
  auto second = ask();
  settle();
  finish(fail(ErrorCode::kUpstream, "x"));
  EXPECT_EQ(first.error(), ErrorCode::kUpstream);
  EXPECT_EQ(second.error(), ErrorCode::kUpstream);
  EXPECT_EQ(flights_.in_flight(), 0u);
}

TEST_F(SingleFlightTest, TheWorkOutlivesWhoeverStartedIt) {
  auto first = ask();
  await_begun(1);
  auto second = ask(1);
  settle(1);
  first.cancel();
  EXPECT_EQ(first.error(), ErrorCode::kClientClosed);
  settle(0);
  EXPECT_EQ(flights_.in_flight(), 1u);
  finish(7);
  EXPECT_EQ(second.get().value_or(-1), 7);
  EXPECT_EQ(work_.begun, 1);
}

TEST_F(SingleFlightTest, WhenTheLastOneLeavesTheWorkIsCancelledAndTheKeyIsFree) {
  auto first = ask();
  await_begun(1);
  auto second = ask(1);
  settle(1);
  first.cancel();
  second.cancel();
  EXPECT_EQ(first.error(), ErrorCode::kClientClosed);
  EXPECT_EQ(second.error(), ErrorCode::kClientClosed);
  settle(1);
  settle(0);
  EXPECT_EQ(flights_.in_flight(), 0u);
  std::promise<bool> cancelled;
  loops_.post(0, [&] { cancelled.set_value(work_.waits.at(0).cancelled()); });
  EXPECT_TRUE(cancelled.get_future().get());
  auto third = ask();
  await_begun(2);
  finish(9, 1);
  EXPECT_EQ(third.get().value_or(-1), 9);
}

TEST_F(SingleFlightTest, ADeadlineEndsItsOwnCallersWaitOnly) {
  auto first = ask();
  await_begun(1);
  auto impatient = [this]() -> Task<Result<int>> {
    const Clock& clock = SystemClock::instance();
    bool joined = false;
    auto begin = [this] { return work_(); };
    const Deadline deadline = Deadline::after(1ms, clock.now());
    co_return co_await flights_.run(key(1), 1, begin, deadline, clock, joined);
  };
  auto second = start(impatient());
  EXPECT_EQ(second.error(), ErrorCode::kDeadlineExceeded);
  finish(7);
  EXPECT_EQ(first.get().value_or(-1), 7);
}

TEST_F(SingleFlightTest, WhoHasTimeLeftStartsAgainWhatAnothersDeadlineEnded) {
  auto first = ask();
  await_begun(1);
  auto second = ask(1, 1, Deadline::after(1h, clock_.now()));
  settle(1);
  finish(fail(ErrorCode::kDeadlineExceeded, "the work's"));
  EXPECT_EQ(first.error(), ErrorCode::kDeadlineExceeded);
  await_begun(2);
  loops_.post(1, [this] { work_.waits.at(1).deliver(5); });
  EXPECT_EQ(second.get().value_or(-1), 5);
}

TEST_F(SingleFlightTest, WhoIsUrgentIsNotHeldByWhatIsLessUrgent) {
  auto background = ask_in_background();
  await_begun(1);
  auto urgent = ask();
  await_begun(2);
  auto also_urgent = ask();
  auto more_background = ask_in_background();
  settle();
  finish(7, 1);
  EXPECT_EQ(urgent.get().value_or(-1), 7);
  EXPECT_EQ(also_urgent.get().value_or(-1), 7); // whoever comes later joins the urgent work
  EXPECT_EQ(more_background.get().value_or(-1), 7);
  EXPECT_EQ(joined_, 2);
  EXPECT_EQ(flights_.in_flight(), 0u);
  finish(8, 0);
  EXPECT_EQ(background.get().value_or(-1), 8); // went on for its own caller
  EXPECT_EQ(work_.begun, 2);
}

TEST_F(SingleFlightTest, WorkThatLostItsKeyToUrgentWorkLeavesTheKeyAloneWhenItEnds) {
  auto background = ask_in_background();
  await_begun(1);
  auto urgent = ask();
  await_begun(2);
  finish(8, 0);
  EXPECT_EQ(background.get().value_or(-1), 8);
  EXPECT_EQ(flights_.in_flight(), 1u);
  auto joins = ask();
  settle();
  finish(7, 1);
  EXPECT_EQ(urgent.get().value_or(-1), 7);
  EXPECT_EQ(joins.get().value_or(-1), 7);
  EXPECT_EQ(work_.begun, 2);
}

TEST_F(SingleFlightTest, WorkThatLostItsKeyIsCancelledWhenItsLastCallerLeaves) {
  auto background = ask_in_background();
  await_begun(1);
  auto urgent = ask(1);
  await_begun(2);
  background.cancel();
  EXPECT_EQ(background.error(), ErrorCode::kClientClosed);
  settle();
  settle();
  std::promise<bool> cancelled;
  loops_.post(0, [&] { cancelled.set_value(work_.waits.at(0).cancelled()); });
  EXPECT_TRUE(cancelled.get_future().get());
  EXPECT_EQ(flights_.in_flight(), 1u);
  loops_.post(1, [this] { work_.waits.at(1).deliver(5); });
  EXPECT_EQ(urgent.get().value_or(-1), 5);
}

TEST_F(SingleFlightTest, AfterTheDeadlineNothingIsStarted) {
  const Deadline deadline = Deadline::after(1h, clock_.now());
  clock_.advance(1h);
  EXPECT_EQ(ask(0, 1, deadline).error(), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(work_.begun, 0);
}

TEST_F(SingleFlightTest, WorkThatThrowsIsAnErrorAndLeavesNoKey) {
  auto throwing = [this]() -> Task<Result<int>> {
    bool joined = false;
    auto begin = []() -> Task<Result<int>> {
      throw std::runtime_error("x");
      co_return 1;
    };
    co_return co_await flights_.run(Hash128{}, 1, begin, Deadline(), clock_, joined);
  };
  EXPECT_EQ(start(throwing()).error(), ErrorCode::kInternal);
  EXPECT_EQ(flights_.in_flight(), 0u);
}

// What is watched while the work goes on.
struct Watched {
  std::atomic<bool> ended = false;
  void end() { ended = true; }
};

class WatchedFlightTest : public SingleFlightTest {
 protected:
  using Watching = SingleFlight<int, Watched>;

  Watching::Seat board(std::size_t loop = 0) {
    auto begin = [this](std::shared_ptr<Watched> watched) {
      watched_ = std::move(watched);
      return work_();
    };
    return watching_.board(loops_.executor(loop), key(1), 1, std::move(begin));
  }
  net::Running<int> result(Watching::Seat& seat, std::size_t loop = 0) {
    return start(seat.result(Deadline(), clock_), loop);
  }

  Watching watching_;
  std::shared_ptr<Watched> watched_;
};

TEST_F(WatchedFlightTest, SeatsShareTheWorkAndWhatIsWatched) {
  auto first = board();
  await_begun(1);
  auto second = board(1);
  EXPECT_FALSE(first.joined());
  EXPECT_TRUE(second.joined());
  EXPECT_EQ(first.progress(), second.progress());
  EXPECT_EQ(first.progress(), watched_);
  EXPECT_FALSE(watched_->ended);
  auto waiting = result(second, 1);
  settle(1);
  finish(7);
  EXPECT_EQ(waiting.get().value_or(-1), 7);
  EXPECT_TRUE(watched_->ended);
  EXPECT_EQ(result(first).get().value_or(-1), 7); // who asks after the end has it at once
  EXPECT_EQ(watching_.in_flight(), 0u);
}

TEST_F(WatchedFlightTest, WhatIsWatchedEndsHoweverTheWorkDoes) {
  {
    auto seat = board();
    await_begun(1);
    finish(fail(ErrorCode::kUpstream, "broken"));
    EXPECT_FALSE(result(seat).get());
    EXPECT_TRUE(watched_->ended);
  }
  {
    auto seat = board();
    await_begun(2);
    EXPECT_FALSE(watched_->ended);
  } // nobody is left: the work is cancelled
  for (int i = 0; i < 8; ++i) settle();
  EXPECT_TRUE(watched_->ended);
}

TEST_F(WatchedFlightTest, ASeatThatIsMovedLeavesOnce) {
  auto seat = std::make_optional(board());
  await_begun(1);
  auto moved = std::make_optional(std::move(*seat));
  seat.reset();
  EXPECT_EQ(watching_.in_flight(), 1u);
  moved.reset();
  EXPECT_EQ(watching_.in_flight(), 0u);
}

} // namespace
} // namespace raglan::net
