// A tenant's limits over several nodes: in Redis, and in each node's share without it.
#include "auth/rate_limits.h"

#include <random>

#include "client_fixture.h"
#include "real_server.h"

namespace raglan::auth {
namespace {

using policy::RateLimitCost;
using policy::RateLimitKind;
using policy::Tier;
using redis::Command;
using redis::eventually;
using redis::patient;
using redis::RealServer;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class RateLimitsTest : public redis::RedisTest {
 protected:
  ~RateLimitsTest() override { loops_.stop(); }

  RateLimits node(const RateLimitsConfig& config, const redis::Fleet* fleet = nullptr) {
    return RateLimits(config, client_.get(), fleet, SystemClock::instance());
  }
  RateLimits::Taken take(RateLimits& limits, RateLimitCost cost = {}, Customer customer = {"acme"},
                         std::size_t loop = 0) {
    return *begin(limits.acquire(std::move(customer), cost, Deadline()), loop).get();
  }
  void settle(RateLimits& limits, const RateLimits::Taken& taken, std::int64_t used) {
    begin(limits.settle({"acme"}, taken, used)).get();
  }

  // So slow that nothing worth a request comes back during a test.
  static constexpr policy::RateLimitConfig kTen{.requests_per_minute = 10,
                                                .tokens_per_minute = 1'000};
};

TEST_F(RateLimitsTest, NodesShareALimitExactly) {
  RealServer server;
  connect(patient(server.url()));
  RateLimits one = node({.paid = kTen});
  RateLimits two = node({.paid = kTen});
  std::vector<net::Running<RateLimits::Taken>> running;
  for (int i = 0; i < 40; ++i) {
    running.push_back(begin((i % 2 ? one : two).acquire({"acme"}, {}, Deadline()), i % 2));
  }
  int allowed = 0;
  for (auto& each : running) {
    const auto taken = *each.get();
    EXPECT_TRUE(taken.shared);
    allowed += taken.decision.allowed;
  }
  EXPECT_EQ(allowed, 10);
  const auto refused = take(one);
  EXPECT_FALSE(refused.decision.allowed);
  EXPECT_EQ(refused.decision.exceeded, RateLimitKind::kRequests);
  EXPECT_GT(refused.decision.retry_after, seconds(0));
  EXPECT_LE(refused.decision.retry_after, seconds(6));
  EXPECT_EQ(refused.decision.requests.limit, 10);
  EXPECT_EQ(refused.decision.requests.remaining, 0);
  EXPECT_EQ(refused.decision.tokens.remaining, 1'000);
  EXPECT_EQ(one.stats().requests_exceeded[1] + two.stats().requests_exceeded[1], 31u);
  EXPECT_EQ(one.stats().local + two.stats().local, 0u);
}

TEST_F(RateLimitsTest, TenantsAndTiersAreApart) {
  RealServer server;
  connect(patient(server.url()));
  RateLimits limits = node({.vip = {}, .paid = kTen, .free = kTen});
  EXPECT_FALSE(limits.limits(Tier::kVip));
  EXPECT_TRUE(limits.limits(Tier::kPaid));
  EXPECT_FALSE(limits.limits(Tier::kIngest));
  EXPECT_TRUE(take(limits, {.requests = 10}).decision.allowed);
  EXPECT_FALSE(take(limits).decision.allowed);
  EXPECT_TRUE(take(limits, {}, {"acme", Tier::kFree}).decision.allowed);
  EXPECT_TRUE(take(limits, {}, {"other"}).decision.allowed);
  EXPECT_EQ(run(Command("EXISTS", "raglan:limit:{acme}:paid", "raglan:limit:{acme}:free",
                        "raglan:limit:{other}:paid"))
                ->integer,
            3);
}

TEST_F(RateLimitsTest, WhatIsLeftExpiresWhenTheBucketIsFull) {
  RealServer server;
  connect(patient(server.url()));
  RateLimits limits = node({.paid = kTen});
  take(limits);
  const auto left = run(Command("PTTL", "raglan:limit:{acme}:paid"))->integer;
  EXPECT_GT(left, 5'000);
  EXPECT_LE(left, 6'000); // a request in six seconds
  const auto taken = take(limits, {.tokens = 1'000});
  EXPECT_GT(run(Command("PTTL", "raglan:limit:{acme}:paid"))->integer, 59'000);
  settle(limits, taken, 0);
  EXPECT_GT(run(Command("PTTL", "raglan:limit:{acme}:paid"))->integer, 11'000)
      << "two requests are missing still";
}

TEST_F(RateLimitsTest, TokensAreSettledByWhatWasUsed) {
  RealServer server;
  connect(patient(server.url()));
  RateLimits limits = node({.paid = {.tokens_per_minute = 1'000}});
  const auto remaining = [&] { return take(limits).decision.tokens.remaining; };
  const auto first = take(limits, {.tokens = 600});
  EXPECT_EQ(first.decision.tokens.remaining, 400);
  EXPECT_FALSE(take(limits, {.tokens = 500}).decision.allowed);
  settle(limits, first, 100);
  EXPECT_GE(remaining(), 900);
  const auto second = take(limits, {.tokens = 500});
  settle(limits, second, 5'000); // far too long: overdrawn by no more than it holds
  EXPECT_FALSE(take(limits).decision.allowed) << "not even what needs none";
  const auto refused = take(limits, {.tokens = 1});
  EXPECT_GT(refused.decision.retry_after, seconds(58));
  EXPECT_LE(refused.decision.retry_after, seconds(61));
  EXPECT_EQ(limits.stats().tokens_exceeded[policy::index_of(Tier::kPaid)], 3u);
}

TEST_F(RateLimitsTest, AnEstimateBeyondTheLimitTakesAllThereIs) {
  RealServer server;
  connect(patient(server.url()));
  RateLimits limits = node({.paid = {.tokens_per_minute = 1'000}});
  const auto taken = take(limits, {.tokens = 5'000});
  EXPECT_TRUE(taken.decision.allowed);
  EXPECT_EQ(taken.tokens, 1'000);
  EXPECT_EQ(taken.decision.tokens.remaining, 0);
  EXPECT_TRUE(take(limits, {.requests = 1'000'000}).decision.allowed) << "they are not limited";
}

// The script, and the same computation here, step by step.
TEST_F(RateLimitsTest, RedisComputesAsThisProcessDoes) {
  RealServer server;
  connect(patient(server.url()));
  std::mt19937_64 random(7);
  for (const std::int64_t per_minute : {1, 7, 1'000, 100'000'000}) {
    run(Command("FLUSHALL"));
    RateLimits limits = node({.paid = {.tokens_per_minute = per_minute}});
    const policy::RateLimits bucket = policy::rate_limits({.tokens_per_minute = per_minute});
    std::int64_t missing = 0; // at most: time passes
    for (int i = 0; i < 50; ++i) {
      const auto amount = static_cast<std::int64_t>(random() % (per_minute + 1));
      const auto taken = take(limits, {.tokens = amount});
      const std::int64_t after = missing + amount * policy::IntegerBucket::kMinuteUs;
      const std::int64_t most = bucket.tokens.size * policy::IntegerBucket::kMinuteUs;
      if (after <= most) EXPECT_TRUE(taken.decision.allowed);
      if (taken.decision.allowed) missing = std::min(after, most);
      const auto kept = run(Command("HGET", "raglan:limit:{acme}:paid", "tm"));
      ASSERT_TRUE(kept && kept->string());
      const std::int64_t there = std::stoll(std::string(*kept->string()));
      EXPECT_LE(there, missing);
      EXPECT_GT(there, missing - per_minute * 20'000'000) << "no more came than twenty seconds'";
      missing = there;
    }
  }
}

TEST_F(RateLimitsTest, WithoutRedisEachNodeHasItsShare) {
  RealServer server;
  auto config = patient(server.url());
  config.breaker.failure_threshold = 1'000;
  connect(config);
  redis::Fleet one(client(), loops_, 0);
  redis::Fleet other(client(), loops_, 0);
  ASSERT_TRUE(eventually([&] { return one.size() == 2; }));
  RateLimits limits = node({.paid = kTen}, &one);
  EXPECT_EQ(take(limits).decision.requests.limit, 10);
  server.kill();
  for (int i = 0; i < 5; ++i) {
    const auto taken = take(limits, {.tokens = 100});
    EXPECT_FALSE(taken.shared);
    EXPECT_TRUE(taken.decision.allowed);
    EXPECT_EQ(taken.decision.requests.limit, 5);
  }
  EXPECT_FALSE(take(limits).decision.allowed);
  EXPECT_EQ(limits.stats().local, 6u);
  server.start();
  ASSERT_TRUE(eventually([&] { return run(Command("PING")).has_value(); }));
  EXPECT_TRUE(take(limits).shared);
}

TEST_F(RateLimitsTest, WithoutAnyRedisANodeHasItAll) {
  RateLimits limits = node({.paid = kTen});
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(take(limits).decision.allowed);
  EXPECT_FALSE(take(limits).decision.allowed);
  EXPECT_EQ(limits.stats().local, 0u) << "it is not in place of Redis";
}

} // namespace
} // namespace raglan::auth
