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
  static Result<ProviderCall::Attempt> begin(ProviderCall& call) {
    auto hold = call.hold();
    if (!hold) return forward_error(hold);
    EXPECT_EQ(*hold, 0s);
    return call.begin();
  }
  Duration wait_for_turn(ProviderCall& call) {
    const MonotonicTime began = clock_.now();
    for (auto hold = call.hold(); hold && *hold > 0s; hold = call.hold()) clock_.advance(*hold);
    return clock_.now() - began;
  }
  // What a call comes to.
  void once(const ProviderAnswer& answer) {
    auto one = call(10min);
    auto attempt = begin(one);
    ASSERT_TRUE(attempt);
    attempt->report("", answer);
  }
  void throttle(std::optional<Duration> retry_after) {
    once({.throttled = true, .hold = retry_after});
  }
  void fail_once() { once({.outcome = Outcome::kFailure}); }

  ManualClock clock_;
  ProviderPolicies policies_{.backoff = {.base_backoff = 1ms, .max_backoff = 1ms}};
  std::optional<ProviderGate> gate_;
  std::vector<std::pair<std::string, Duration>> observed_;
};

TEST_F(ProviderGateTest, AThrottledProviderHoldsBackEveryCallUntilTheTimeItNamed) {
  auto early = call(60s);
  ASSERT_EQ(early.hold().value(), 0s);
  throttle(5s);
  auto late = call(60s);
  EXPECT_GE(wait_for_turn(early), 5s) << "it had its turn, and did not use it";
  EXPECT_GT(wait_for_turn(late), 0s) << "they do not begin together";
}

TEST_F(ProviderGateTest, AThrottleThatNamesNoTimeHoldsForASecond) {
  throttle(std::nullopt);
  auto next = call(60s);
  EXPECT_GE(next.hold().value(), policies_.quota.default_backoff);
}

TEST_F(ProviderGateTest, CallsAreSpreadSoThatTheQuotaLasts) {
  policies_.quota.requests_per_minute = 60;
  std::vector<std::unique_ptr<ProviderCall>> calls;
  const MonotonicTime began = clock_.now();
  Duration last{};
  int begun = 0;
  for (int i = 0; i < 20; ++i) { // six at once, and then one a second and a bit
    auto each = std::make_unique<ProviderCall>(
        gate(), ProviderCall::Limits{.deadline = Deadline::after(1h, clock_.now())});
    wait_for_turn(*each);
    ASSERT_TRUE(each->begin());
    begun += clock_.now() - began < 1s ? 1 : 0;
    last = clock_.now() - began;
    calls.push_back(std::move(each));
  }
  EXPECT_LE(begun, 7);
  EXPECT_GE(last, 12s);
}

TEST_F(ProviderGateTest, NodesDivideTheQuota) {
  policies_.quota.requests_per_minute = 60;
  policies_.nodes = [] { return std::size_t{4}; };
  auto any = call(60s);
  ASSERT_EQ(any.hold().value(), 0s);
  EXPECT_EQ(gate().quota_status().requests_limit, 15);
}

TEST_F(ProviderGateTest, TheQuotaIsWhatTheHeadersSay) {
  policy::QuotaReport quota;
  quota.requests.limit = 100;
  quota.tokens.limit = 5'000;
  gate().observe(quota);
  EXPECT_EQ(gate().quota_status().requests_limit, 100);
  EXPECT_EQ(gate().quota_status().tokens_limit, 5'000);
}

TEST_F(ProviderGateTest, ATurnThatIsNotUsedIsAnothers) {
  policies_.quota.requests_per_minute = 30; // two at once
  for (int i = 0; i < 3; ++i) EXPECT_EQ(call(60s).hold().value(), 0s);
  auto first = call(60s);
  EXPECT_EQ(first.hold().value(), 0s);
  auto second = call(60s);
  EXPECT_EQ(second.hold().value(), 0s);
  auto third = call(60s);
  EXPECT_GT(third.hold().value(), 0s);
}

TEST_F(ProviderGateTest, AnAttemptIsNotMadeOutOfTurn) {
  auto hasty = call(60s);
  EXPECT_EQ(hasty.begin().error().code, ErrorCode::kInternal);
}

TEST_F(ProviderGateTest, NobodyWaitsForLongerThanThereIsTimeNorWhenAnotherCanBeAsked) {
  throttle(5s);
  EXPECT_EQ(call(5s - 1ms).hold().error().code, ErrorCode::kOverloaded);
  EXPECT_TRUE(call(20s).hold());
  EXPECT_EQ(call(60s, 4, false).hold().error().code, ErrorCode::kOverloaded);
}

TEST_F(ProviderGateTest, NoProviderIsHeldForEver) {
  throttle(24h);
  EXPECT_LE(gate().quota_status().blocked, policies_.quota.max_backoff);
}

TEST_F(ProviderGateTest, ACustomerWaitsForNoLongerThanMayBeBookedAndADocumentDoes) {
  throttle(20s);
  EXPECT_EQ(call(60s).hold().error().code, ErrorCode::kOverloaded);
  ProviderCall document(
      gate(), {.deadline = Deadline::after(60s, clock_.now()), .tier = policy::Tier::kIngest});
  EXPECT_GE(document.hold().value(), 19s);
}

TEST_F(ProviderGateTest, AFailedAttemptIsMadeAgainWhileAnotherCouldEndInTime) {
  auto enough = call(1s + 1ms);
  ASSERT_TRUE(begin(enough));
  EXPECT_TRUE(enough.retry_after(Next::kRetry));
  auto too_little = call(1s - 1ms);
  ASSERT_TRUE(begin(too_little));
  EXPECT_FALSE(too_little.retry_after(Next::kRetry));
}

TEST_F(ProviderGateTest, AttemptsAreCounted) {
  auto twice = call(60s, 2);
  ASSERT_TRUE(begin(twice));
  EXPECT_TRUE(twice.retry_after(Next::kRetry));
  ASSERT_TRUE(begin(twice));
  EXPECT_FALSE(twice.retry_after(Next::kRetry));
  EXPECT_FALSE(twice.retry_after(Next::kWhenAllowed));
}

TEST_F(ProviderGateTest, WhatIsDoneOrHasAnotherToAskIsNotMadeAgain) {
  auto done = call(60s);
  ASSERT_TRUE(begin(done));
  EXPECT_FALSE(done.retry_after(Next::kNone));
  auto replaceable = call(60s, 4, false);
  ASSERT_TRUE(begin(replaceable));
  EXPECT_FALSE(replaceable.retry_after(Next::kRetry));
}

TEST_F(ProviderGateTest, TheBudgetBoundsRetriesAndNotWhatAThrottleHasAskedFor) {
  policies_.retry_budget = {.retry_ratio = 0, .min_retries = 1};
  auto first = call(60s);
  auto second = call(60s);
  ASSERT_TRUE(begin(first) && begin(second));
  EXPECT_TRUE(first.retry_after(Next::kRetry));
  EXPECT_FALSE(second.retry_after(Next::kRetry)); // the one permit is the first one's
  EXPECT_EQ(second.retry_after(Next::kWhenAllowed), 0s);
}

TEST_F(ProviderGateTest, AnOpenBreakerAndAPassedDeadlineBeginNothing) {
  auto late = call(1s);
  ASSERT_EQ(late.hold().value(), 0s);
  clock_.advance(1s);
  EXPECT_EQ(late.begin().error().code, ErrorCode::kDeadlineExceeded);
  for (std::size_t i = 1; i < policies_.breaker.failure_threshold; ++i) fail_once();
  EXPECT_TRUE(gate().check());
  fail_once();
  EXPECT_EQ(gate().check().error().code, ErrorCode::kUnavailable);
  auto left_alone = call(60s);
  EXPECT_EQ(begin(left_alone).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(observed_.size(), policies_.breaker.failure_threshold);
}

TEST_F(ProviderGateTest, NobodyWaitsForTheQuotaOfAProviderThatIsLeftAlone) {
  policies_.breaker.failure_threshold = 1;
  auto under_way = call(10min);
  auto attempt = begin(under_way);
  throttle(4s);
  attempt->report("", {.outcome = Outcome::kFailure}); // the breaker opens
  auto next = call(10min);
  const auto hold = next.hold();
  ASSERT_FALSE(hold);
  EXPECT_EQ(hold.error().code, ErrorCode::kUnavailable);
  clock_.advance(policies_.breaker.recovery_timeout);
  EXPECT_TRUE(next.hold()); // a probe is due
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
  auto attempt = begin(one);
  clock_.advance(30ms);
  attempt->report("200", {.outcome = Outcome::kSuccess});
  EXPECT_THAT(observed_, testing::ElementsAre(testing::Pair("200", Duration(30ms))));
}

} // namespace
} // namespace raglan::model
