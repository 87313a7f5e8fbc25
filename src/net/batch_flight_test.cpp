#include "net/batch_flight.h"

#include <stdexcept>

#include "net/loop_fixture_test.h"

namespace raglan::net {
namespace {

using namespace std::chrono_literals;
using Numbers = std::vector<int>;

class BatchFlightTest : public LoopTest {
 protected:
  // Work that says which keys it was begun for, and ends when it is told to.
  struct Begun {
    Numbers keys;
    Completion<Numbers> done;
  };

  struct Question {
    std::vector<int> keys;
    int urgency = 1;
    Deadline deadline{};
  };

  // Starts or joins, from loop `loop`.
  Running<Numbers> ask(Question question, std::size_t loop = 0) {
    auto running = start(run(std::move(question)), loop);
    settle(loop);
    settle(loop);
    return running;
  }

  Task<Result<Numbers>> run(Question question) {
    std::vector<Hash128> keys;
    for (const int number : question.keys) keys.push_back(key(number));
    auto begin = [this, numbers = question.keys](const std::vector<std::size_t>& positions) {
      Numbers wanted;
      for (const std::size_t position : positions) wanted.push_back(numbers[position]);
      return work(std::move(wanted));
    };
    std::size_t joined = 0;
    auto result = co_await flights_.run(std::move(keys), question.urgency, std::move(begin),
                                        question.deadline, clock_, joined);
    joined_ += joined;
    co_return result;
  }

  Task<Result<Numbers>> work(Numbers keys) {
    auto begin = [this, &keys](const Completion<Numbers>& done) {
      begun_.with([&](auto& begun) { begun.push_back({keys, done}); });
    };
    co_return co_await await_completion<Numbers>(std::move(begin));
  }

  static Hash128 key(int number) {
    Hash128 key;
    key.bytes[0] = static_cast<std::uint8_t>(number);
    return key;
  }

  // The keys of each work, once there are so many.
  std::vector<Numbers> await_begun(std::size_t count) {
    while (true) {
      const auto works = begun_.with([](const auto& begun) {
        std::vector<Numbers> keys;
        for (const Begun& work : begun) keys.push_back(work.keys);
        return keys;
      });
      if (works.size() >= count) return works;
      std::this_thread::yield();
    }
  }
  void finish(std::size_t which, Result<Numbers> result) {
    begun_.with([&](auto& begun) { begun.at(which).done.deliver(std::move(result)); });
  }
  bool cancelled(std::size_t which) {
    return begun_.with([&](auto& begun) { return begun.at(which).done.cancelled(); });
  }

  BatchFlight<int> flights_;
  ManualClock clock_;
  Guarded<std::vector<Begun>> begun_;
  std::atomic<std::size_t> joined_ = 0;
};

using Works = std::vector<Numbers>;

TEST_F(BatchFlightTest, OnlyWhatNobodyWorksOnIsBegun) {
  auto first = ask({{1, 2, 3}});
  auto second = ask({{4, 3, 5, 1}}, 1);
  EXPECT_EQ(await_begun(2), (Works{{1, 2, 3}, {4, 5}}));
  EXPECT_EQ(flights_.in_flight(), 5u);
  finish(1, Numbers{40, 50});
  finish(0, Numbers{10, 20, 30});
  EXPECT_EQ(first.get().value_or(Numbers{}), (Numbers{10, 20, 30}));
  EXPECT_EQ(second.get().value_or(Numbers{}), (Numbers{40, 30, 50, 10}));
  EXPECT_EQ(joined_, 2u);
  EXPECT_EQ(flights_.in_flight(), 0u);
}

TEST_F(BatchFlightTest, WhatIsAllInFlightBeginsNothing) {
  auto first = ask({{1, 2}});
  auto second = ask({{2, 1}}, 1);
  auto third = ask({{2}});
  EXPECT_EQ(await_begun(1), (Works{{1, 2}}));
  finish(0, Numbers{10, 20});
  EXPECT_EQ(second.get().value_or(Numbers{}), (Numbers{20, 10}));
  EXPECT_EQ(third.get().value_or(Numbers{}), (Numbers{20}));
  EXPECT_TRUE(first.get());
  EXPECT_EQ(begun_.with([](const auto& begun) { return begun.size(); }), 1u);
}

TEST_F(BatchFlightTest, NoKeysNeedNoWork) {
  EXPECT_EQ(ask({{}}).get().value_or(Numbers{1}), Numbers{});
}

TEST_F(BatchFlightTest, UrgentWorkIsNotLeftToWhatIsLessUrgent) {
  auto ingest = ask({{1, 2}, 0});
  auto question = ask({{1}, 1}, 1);
  EXPECT_EQ(await_begun(2), (Works{{1, 2}, {1}}));
  auto more_ingest = ask({{1, 2}, 0}); // joins both
  finish(1, Numbers{11});
  EXPECT_EQ(question.get().value_or(Numbers{}), Numbers{11});
  EXPECT_EQ(flights_.in_flight(), 1u);
  finish(0, Numbers{10, 20});
  EXPECT_EQ(ingest.get().value_or(Numbers{}), (Numbers{10, 20}));
  EXPECT_EQ(more_ingest.get().value_or(Numbers{}), (Numbers{11, 20}));
  EXPECT_EQ(flights_.in_flight(), 0u);
}

TEST_F(BatchFlightTest, AnErrorIsSharedAndNotKept) {
  auto first = ask({{1, 2}});
  auto second = ask({{2}}, 1);
  await_begun(1);
  finish(0, fail(ErrorCode::kUpstream, "x"));
  EXPECT_EQ(first.error(), ErrorCode::kUpstream);
  EXPECT_EQ(second.error(), ErrorCode::kUpstream);
  EXPECT_EQ(flights_.in_flight(), 0u);
}

TEST_F(BatchFlightTest, WhatOtherKeysOfABatchMayHaveCausedDoesNotConcernWhoWantsAPartOfIt) {
  for (const ErrorCode code : {ErrorCode::kTooLarge, ErrorCode::kDeadlineExceeded,
                               ErrorCode::kInvalidField, ErrorCode::kOverloaded}) {
    begun_.with([](auto& begun) { begun.clear(); });
    auto first = ask({{1, 2, 3}});
    auto second = ask({{4, 2, 1}}, 1);
    await_begun(2);
    finish(0, fail(code, "the batch's"));
    finish(1, Numbers{40});
    EXPECT_EQ(first.error(), code);
    EXPECT_EQ(await_begun(3).back(), (Numbers{2, 1}));
    finish(2, Numbers{20, 10});
    EXPECT_EQ(second.get().value_or(Numbers{}), (Numbers{40, 20, 10}));
  }
}

TEST_F(BatchFlightTest, WhoWantsAllOfABatchSharesItsErrorAndDoesNotRepeatIt) {
  for (const ErrorCode code :
       {ErrorCode::kTooLarge, ErrorCode::kInvalidField, ErrorCode::kOverloaded}) {
    begun_.with([](auto& begun) { begun.clear(); });
    auto first = ask({{1, 2}});
    auto second = ask({{2, 1}}, 1);
    await_begun(1);
    finish(0, fail(code, "x"));
    EXPECT_EQ(first.error(), code);
    EXPECT_EQ(second.error(), code);
    EXPECT_EQ(await_begun(1), (Works{{1, 2}}));
  }
}

TEST_F(BatchFlightTest, TheWorkOutlivesWhoeverStartedIt) {
  auto first = ask({{1, 2}});
  auto second = ask({{2}}, 1);
  await_begun(1);
  first.cancel();
  EXPECT_EQ(first.error(), ErrorCode::kClientClosed);
  settle(0);
  EXPECT_FALSE(cancelled(0));
  EXPECT_EQ(flights_.in_flight(), 2u);
  finish(0, Numbers{10, 20});
  EXPECT_EQ(second.get().value_or(Numbers{}), Numbers{20});
}

TEST_F(BatchFlightTest, WhenTheLastOneLeavesTheWorkIsCancelledAndItsKeysAreFree) {
  auto first = ask({{1, 2}});
  auto second = ask({{2, 3}}, 1);
  await_begun(2);
  first.cancel();
  EXPECT_EQ(first.error(), ErrorCode::kClientClosed);
  second.cancel();
  EXPECT_EQ(second.error(), ErrorCode::kClientClosed);
  settle(1);
  settle(0);
  settle(1);
  EXPECT_EQ(flights_.in_flight(), 0u);
  EXPECT_TRUE(cancelled(0));
  EXPECT_TRUE(cancelled(1));
  auto third = ask({{1, 2, 3}});
  EXPECT_EQ(await_begun(3).back(), (Numbers{1, 2, 3}));
  finish(2, Numbers{1, 2, 3});
  EXPECT_TRUE(third.get());
}

TEST_F(BatchFlightTest, ADeadlineEndsItsOwnCallersWaitOnly) {
  auto first = ask({{1}});
  await_begun(1);
  // The manual clock stands still, the timer does not.
  auto second = ask({{1}, 1, Deadline::after(1ms, clock_.now())}, 1);
  EXPECT_EQ(second.error(), ErrorCode::kDeadlineExceeded);
  finish(0, Numbers{7});
  EXPECT_EQ(first.get().value_or(Numbers{}), Numbers{7});
}

TEST_F(BatchFlightTest, AfterTheDeadlineNothingIsStarted) {
  const Deadline deadline = Deadline::after(1h, clock_.now());
  clock_.advance(1h);
  EXPECT_EQ(ask({{1}, 1, deadline}).error(), ErrorCode::kDeadlineExceeded);
  EXPECT_TRUE(await_begun(0).empty());
}

TEST_F(BatchFlightTest, WorkThatThrowsOrBringsTooFewValuesIsAnErrorAndLeavesNoKey) {
  auto throwing = [this]() -> Task<Result<Numbers>> {
    auto begin = [](const std::vector<std::size_t>&) -> Task<Result<Numbers>> {
      throw std::runtime_error("x");
      co_return Numbers{};
    };
    std::vector<Hash128> keys{key(1)};
    std::size_t joined = 0;
    co_return co_await flights_.run(std::move(keys), 1, std::move(begin), Deadline(), clock_,
                                    joined);
  };
  EXPECT_EQ(start(throwing()).error(), ErrorCode::kInternal);
  auto few = ask({{1, 2}});
  await_begun(1);
  finish(0, Numbers{1});
  EXPECT_EQ(few.error(), ErrorCode::kInternal);
  EXPECT_EQ(flights_.in_flight(), 0u);
}

} // namespace
} // namespace raglan::net
