#include "net/together.h"

#include <stdexcept>

#include "net/completion.h"
#include "net/loop_fixture_test.h"

namespace raglan::net {
namespace {

using Numbers = std::vector<int>;

class TogetherTest : public LoopTest {
 protected:
  // Ends when it is told to: `finish` with its number.
  Task<Result<int>> child(std::size_t number) {
    auto begin = [this, number](const Completion<int>& done) {
      if (waits_.size() <= number) waits_.resize(number + 1);
      waits_[number] = done;
      ++begun_;
    };
    auto result = co_await await_completion<int>(std::move(begin));
    ++ended_;
    co_return result;
  }
  static Task<Result<int>> ready(Result<int> result) { co_return result; }
  static Task<Result<int>> throwing() {
    throw std::runtime_error("x");
    co_return 1;
  }

  std::vector<Task<Result<int>>> children(std::size_t count) {
    std::vector<Task<Result<int>>> tasks;
    tasks.reserve(count);
    for (std::size_t number = 0; number < count; ++number) tasks.push_back(child(number));
    return tasks;
  }
  // The results in their order; an error as its code, negative.
  static Task<Result<Numbers>> numbers_of(std::vector<Task<Result<int>>> tasks) {
    const auto results = co_await together(std::move(tasks));
    Numbers numbers;
    for (const Result<int>& result : results) {
      numbers.push_back(result ? *result : -static_cast<int>(result.error().code));
    }
    co_return numbers;
  }
  static int failed(ErrorCode code) { return -static_cast<int>(code); }

  void await_begun(int count) {
    while (begun_ < count) settle();
  }
  void finish(std::size_t number, Result<int> result) {
    loops_.post(0, [this, number, result] { waits_.at(number)->deliver(result); });
    settle();
    settle();
  }

  std::vector<std::optional<Completion<int>>> waits_; // belongs to loop 0
  std::atomic<int> begun_ = 0;
  std::atomic<int> ended_ = 0;
};

TEST_F(TogetherTest, ResultsComeInTheTasksOrderWhicheverEndsFirst) {
  auto all = start(numbers_of(children(3)));
  await_begun(3); // all run before one has ended
  finish(2, 30);
  finish(0, 10);
  EXPECT_EQ(ended_, 2);
  finish(1, 20);
  EXPECT_EQ(all.get().value_or(Numbers{}), (Numbers{10, 20, 30}));
}

TEST_F(TogetherTest, OnesErrorIsItsOwn) {
  auto all = start(numbers_of(children(2)));
  await_begun(2);
  finish(0, fail(ErrorCode::kUpstream, "x"));
  finish(1, 20);
  EXPECT_EQ(all.get().value_or(Numbers{}), (Numbers{failed(ErrorCode::kUpstream), 20}));
}

TEST_F(TogetherTest, NoTasksGiveNoResults) {
  EXPECT_EQ(start(numbers_of({})).get().value_or(Numbers{1}), Numbers{});
}

TEST_F(TogetherTest, OneTaskGivesOneResult) {
  auto all = start(numbers_of(children(1)));
  await_begun(1);
  finish(0, 7);
  EXPECT_EQ(all.get().value_or(Numbers{}), Numbers{7});
}

TEST_F(TogetherTest, TasksThatNeverWaitEndToo) {
  std::vector<Task<Result<int>>> tasks;
  tasks.reserve(100);
  for (int number = 0; number < 100; ++number) tasks.push_back(ready(number));
  const auto all = start(numbers_of(std::move(tasks))).get();
  ASSERT_TRUE(all);
  EXPECT_EQ(all->size(), 100u);
  EXPECT_TRUE(std::ranges::is_sorted(*all));
}

TEST_F(TogetherTest, WhatOneThrowsIsThrownWhenAllHaveEnded) {
  std::atomic<bool> thrown = false;
  auto catching = [&thrown](std::vector<Task<Result<int>>> tasks) -> Task<Result<int>> {
    try {
      (void)co_await together(std::move(tasks));
    } catch (const std::runtime_error&) {
      thrown = true;
    }
    co_return 1;
  };
  std::vector<Task<Result<int>>> tasks;
  tasks.push_back(child(0));
  tasks.push_back(throwing());
  auto all = start(catching(std::move(tasks)));
  await_begun(1);
  settle();
  settle();
  EXPECT_FALSE(thrown); // the other one is not cut short
  finish(0, 10);
  EXPECT_TRUE(all.get());
  EXPECT_TRUE(thrown);
  EXPECT_EQ(ended_, 1);
}

TEST_F(TogetherTest, ACancelledCallerCancelsAllAndWaitsForTheirEnds) {
  auto all = start(numbers_of(children(3)));
  await_begun(3);
  finish(1, 20);
  all.cancel();
  const int closed = failed(ErrorCode::kClientClosed);
  EXPECT_EQ(all.get().value_or(Numbers{}), (Numbers{closed, 20, closed}));
  EXPECT_EQ(ended_, 3);
}

} // namespace
} // namespace raglan::net
