#include "net/refreshed.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "net/event_loops.h"

namespace raglan::net {
namespace {

using namespace std::chrono_literals;
using Value = Refreshed<int>::Value;

class RefreshedTest : public testing::Test {
 protected:
  // What somebody who asks now gets: the number, or 0 for an error.
  int get() { return ask(value_.get(Deadline())); }
  int newer(int known) { return ask(value_.newer(last_[known], Deadline())); }

  int ask(Task<Result<Value>> asked) {
    int got = -1;
    boost::asio::co_spawn(
        loop_,
        [](RefreshedTest& test, Task<Result<Value>> task, int& out) -> Task<void> {
          auto result = co_await std::move(task);
          out = result ? **result : 0;
          if (result) test.last_[out] = *result;
        }(*this, std::move(asked), got),
        boost::asio::detached);
    run();
    return got;
  }

  void run() {
    loop_.restart();
    loop_.run();
  }

  Task<Result<Value>> fetch() {
    ++fetches_;
    co_await boost::asio::post(loop_, boost::asio::use_awaitable); // others come meanwhile
    if (while_fetching_) std::exchange(while_fetching_, nullptr)();
    if (there_ == 0) co_return fail(failure_, "away");
    co_return std::make_shared<const int>(there_);
  }

  boost::asio::io_context loop_;
  ManualClock clock_;
  int there_ = 1; // 0: nothing can be fetched
  ErrorCode failure_ = ErrorCode::kUnavailable;
  int fetches_ = 0;
  std::function<void()> while_fetching_;
  std::map<int, Value> last_;
  Refreshed<int> value_{{.refresh_after = 2s,
                         .max_age = 5s,
                         .min_interval = 1s,
                         .retry_interval = 500ms,
                         .fetch_timeout = 1s},
                        [this](const Value&) { return fetch(); },
                        clock_};
};

TEST_F(RefreshedTest, IsUsedUntilItIsToBeRefreshedAndThenRefreshedBehindTheCaller) {
  EXPECT_EQ(get(), 1);
  there_ = 2;
  clock_.advance(2s - 1ns);
  EXPECT_EQ(get(), 1);
  EXPECT_EQ(fetches_, 1);
  clock_.advance(1ns);
  EXPECT_EQ(get(), 1); // and behind it the new one comes
  EXPECT_EQ(fetches_, 2);
  EXPECT_EQ(get(), 2);
  EXPECT_EQ(fetches_, 2);
}

TEST_F(RefreshedTest, OlderThanItsMaxAgeItIsNotUsed) {
  EXPECT_EQ(get(), 1);
  there_ = 0;
  clock_.advance(5s - 1ns);
  EXPECT_EQ(get(), 1);
  EXPECT_EQ(fetches_, 2);
  clock_.advance(1ns);
  EXPECT_EQ(get(), 0); // it was tried just now
  EXPECT_EQ(fetches_, 2);
  clock_.advance(500ms);
  EXPECT_EQ(get(), 0);
  EXPECT_EQ(fetches_, 3);
  there_ = 2;
  clock_.advance(500ms - 1ns);
  EXPECT_EQ(get(), 0);
  clock_.advance(1ns);
  EXPECT_EQ(get(), 2);
}

TEST_F(RefreshedTest, WhoMissesSomethingHasItFetchedAtMostOncePerInterval) {
  EXPECT_EQ(get(), 1);
  there_ = 2;
  clock_.advance(1s - 1ns);
  EXPECT_EQ(newer(1), 1);
  EXPECT_EQ(fetches_, 1);
  clock_.advance(1ns);
  EXPECT_EQ(newer(1), 2);
  EXPECT_EQ(newer(1), 2); // there is a newer one already
  EXPECT_EQ(newer(2), 2);
  EXPECT_EQ(fetches_, 2);
  there_ = 0;
  clock_.advance(1s);
  EXPECT_EQ(newer(2), 2); // away is no error to whoever has something
}

TEST_F(RefreshedTest, ManyWhoAskAtOnceHaveItFetchedOnce) {
  std::vector<int> got;
  for (int i = 0; i < 100; ++i) {
    boost::asio::co_spawn(
        loop_,
        [](Refreshed<int>& value, std::vector<int>& out) -> Task<void> {
          auto result = co_await value.get(Deadline());
          out.push_back(result ? **result : 0);
        }(value_, got),
        boost::asio::detached);
  }
  run();
  EXPECT_EQ(got, std::vector<int>(100, 1));
  EXPECT_EQ(fetches_, 1);
}

TEST_F(RefreshedTest, WhoLeavesWhileItIsFetchedSpoilsItForNobody) {
  failure_ = ErrorCode::kClientClosed;
  there_ = 0;
  EXPECT_EQ(get(), 0);
  there_ = 1;
  EXPECT_EQ(get(), 1);
}

TEST_F(RefreshedTest, AfterAChangeOfOursNobodyGetsWhatWasFetchedBefore) {
  EXPECT_EQ(get(), 1);
  there_ = 2;
  value_.expire();
  EXPECT_EQ(get(), 2);
  EXPECT_EQ(fetches_, 2);
  EXPECT_EQ(get(), 2);
  EXPECT_EQ(fetches_, 2);
  while_fetching_ = [this] { // as it was before the change is on its way
    value_.expire();
  };
  value_.expire();
  EXPECT_EQ(get(), 2);
  EXPECT_EQ(fetches_, 4);
}

} // namespace
} // namespace raglan::net
