#include "model/provider_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace raglan::model {
namespace {

using namespace std::chrono_literals;
using Next = ProviderVerdict::Next;
using policy::Outcome;

class ProviderGateTest : public testing::Test {
 protected:
  ProviderGate& gate() {
    if (!gate_) {
      auto observe = [this](std::string_view code, Duration took) {
        observed_.emplace_back(std::string(code), took);
      };
      gate_.emplace("embedding", policies_, observe, clock_);
    }
    return *gate_;
  }
  ProviderCall call(Duration time, int max_attempts = 4, bool last_resort = true) {
    return {gate(),
            {.max_attempts = max_attempts,
             .attempt_timeout = 1s,
             .deadline = Deadline::after(time, clock_.now()),
             .last_resort = last_resort}};
  }
  void throttle(std::string_view retry_after) {
    http::Headers headers;
    headers.set("retry-after", retry_after);
    gate().judge_status(429, headers);
  }
  void fail_once() {
    auto failing = call(10s);
    failing.begin()->report("500", Outcome::kFailure);
  }

  ManualClock clock_;
  ProviderPolicies policies_{.backoff = {.base_backoff = 1ms, .max_backoff = 1ms}};
  std::optional<ProviderGate> gate_;
  std::vector<std::pair<std::string, Duration>> observed_;
};

TEST_F(ProviderGateTest, AThrottledProviderHoldsBackEveryCallUntilTheTimeItNamed) {
  auto early = call(60s);
  throttle("5");
  auto late = call(60s);
  for (ProviderCall* each : {&early, &late}) {
    EXPECT_GE(each->hold().value(), 5s);
    EXPECT_LE(each->hold().value(), 5s + 1ms);
  }
  clock_.advance(5s - 1ms);
  EXPECT_GT(early.hold().value(), 0s);
  clock_.advance(1ms);
  EXPECT_EQ(early.hold().value(), 0s);
}

TEST_F(ProviderGateTest, NobodyWaitsForLongerThanThereIsTimeNorWhenAnotherCanBeAsked) {
  throttle("5");
  EXPECT_EQ(call(5s - 1ms).hold().error().code, ErrorCode::kOverloaded);
  EXPECT_TRUE(call(5s + 1ms).hold());
  EXPECT_EQ(call(60s, 4, false).hold().error().code, ErrorCode::kOverloaded);
}

TEST_F(ProviderGateTest, NoProviderIsHeldForEver) {
  throttle("86400");
  EXPECT_LE(call(24h).hold().value(), ProviderGate::kLongestHold + 1ms);
}

TEST_F(ProviderGateTest, AFailedAttemptIsMadeAgainWhileAnotherCouldEndInTime) {
  auto enough = call(1s + 1ms);
  ASSERT_TRUE(enough.begin());
  EXPECT_TRUE(enough.retry_after(Next::kRetry));
  auto too_little = call(1s - 1ms);
  ASSERT_TRUE(too_little.begin());
  EXPECT_FALSE(too_little.retry_after(Next::kRetry));
}

TEST_F(ProviderGateTest, AttemptsAreCounted) {
  auto twice = call(60s, 2);
  ASSERT_TRUE(twice.begin());
  EXPECT_TRUE(twice.retry_after(Next::kRetry));
  ASSERT_TRUE(twice.begin());
  EXPECT_FALSE(twice.retry_after(Next::kRetry));
  EXPECT_FALSE(twice.retry_after(Next::kWhenAllowed));
}

TEST_F(ProviderGateTest, WhatIsDoneOrHasAnotherToAskIsNotMadeAgain) {
  auto done = call(60s);
  ASSERT_TRUE(done.begin());
  EXPECT_FALSE(done.retry_after(Next::kNone));
  auto replaceable = call(60s, 4, false);
  ASSERT_TRUE(replaceable.begin());
  EXPECT_FALSE(replaceable.retry_after(Next::kRetry));
}

TEST_F(ProviderGateTest, TheBudgetBoundsRetriesAndNotWhatAThrottleHasAskedFor) {
  policies_.retry_budget = {.retry_ratio = 0, .min_retries = 1};
  auto first = call(60s);
  auto second = call(60s);
  ASSERT_TRUE(first.begin() && second.begin());
  EXPECT_TRUE(first.retry_after(Next::kRetry));
  EXPECT_FALSE(second.retry_after(Next::kRetry)); // the one permit is the first one's
  EXPECT_EQ(second.retry_after(Next::kWhenAllowed), 0s);
}

TEST_F(ProviderGateTest, AnOpenBreakerAndAPassedDeadlineBeginNothing) {
  auto late = call(1s);
  clock_.advance(1s);
  EXPECT_EQ(late.begin().error().code, ErrorCode::kDeadlineExceeded);
  for (std::size_t i = 1; i < policies_.breaker.failure_threshold; ++i) fail_once();
  EXPECT_TRUE(gate().check());
  fail_once();
  EXPECT_EQ(gate().check().error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(call(60s).begin().error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(observed_.size(), policies_.breaker.failure_threshold);
}

TEST_F(ProviderGateTest, ARefusalIsOfAllCallsUntilOneSucceeds) {
  for (const int status : {401, 403, 404}) {
    gate().note(status);
    EXPECT_EQ(gate().check().error().code, ErrorCode::kUnavailable) << status;
    gate().note(500); // says nothing of it
    EXPECT_FALSE(gate().check());
    gate().note(200);
    EXPECT_TRUE(gate().check());
  }
  gate().note(400); // of one call
  EXPECT_TRUE(gate().check());
}

TEST_F(ProviderGateTest, EachAttemptIsObservedOnceWithWhatItTook) {
  auto one = call(60s);
  auto attempt = one.begin();
  clock_.advance(30ms);
  attempt->report("200", Outcome::kSuccess);
  EXPECT_THAT(observed_, testing::ElementsAre(testing::Pair("200", Duration(30ms))));
}

} // namespace
} // namespace raglan::model
