// Scripts and leases on a real server.
#include "redis/script.h"

#include "client_fixture.h"
#include "real_server.h"
#include "redis/lease.h"

namespace raglan::redis {
namespace {

using MaybeLease = std::optional<Lease>;

const Script kJoin("return ARGV[1] .. redis.call('INCRBY', KEYS[1], ARGV[2])");
const Script kFail("return redis.error_reply('LIMITED quizzacious')");

class RedisScript : public RedisTest {
 protected:
  RedisScript() { connect(patient(server_.url())); }

  Result<Reply> join(std::string word, std::size_t loop = 0) {
    return start(kJoin.run(client(), {"n"}, {std::move(word), "2"}, {}), loop).get();
  }
  Result<MaybeLease> acquire(std::chrono::milliseconds ttl = seconds(100), std::size_t loop = 0) {
    return start(Lease::try_acquire(client(), "lease", ttl, {}), loop).get();
  }
  std::uint64_t commands() { return client().stats().commands; }

  RealServer server_;
};

TEST_F(RedisScript, ItsTextTravelsOnce) {
  EXPECT_EQ(join("a")->string(), "a2");
  EXPECT_EQ(commands(), 2u) << "EVALSHA, EVAL";
  EXPECT_EQ(join("b", 1)->string(), "b4");
  EXPECT_EQ(commands(), 3u);
  EXPECT_EQ(client().stats().refused_replies, 0u) << "that it is not known is no refusal";
  EXPECT_EQ(run(Command("SCRIPT", "EXISTS", kJoin.sha1()))->elements[0].integer, 1);
}

TEST_F(RedisScript, AServerThatForgotItGetsItAgain) {
  EXPECT_EQ(join("a")->string(), "a2");
  EXPECT_TRUE(run(Command("SCRIPT", "FLUSH"))->is_ok());
  EXPECT_EQ(join("b")->string(), "b4");
}

TEST_F(RedisScript, ItsErrorIsAnErrorWithoutItsText) {
  for (int i = 0; i < 2; ++i) {
    const auto reply = start(kFail.run(client(), {}, {}, {})).get();
    ASSERT_EQ(code_of(reply), ErrorCode::kUpstream);
    EXPECT_THAT(reply.error().message, testing::HasSubstr("LIMITED"));
    EXPECT_THAT(reply.error().message, testing::Not(testing::HasSubstr("quizzacious")));
  }
  EXPECT_EQ(client().stats().breaker.consecutive_failures, 0u);
}

TEST_F(RedisScript, ALeaseHasOneHolder) {
  auto first = acquire();
  ASSERT_TRUE(first.has_value() && first->has_value());
  EXPECT_GT((*first)->expires_at(), SystemClock::instance().now() + seconds(50));
  EXPECT_FALSE(acquire()->has_value());
  EXPECT_EQ(start((*first)->release({})).get(), true);
  EXPECT_TRUE(acquire()->has_value());
}

TEST_F(RedisScript, OfManyThatTryAtOnceOneHoldsIt) {
  auto other = Client::create(patient(server_.url()), loops_);
  ASSERT_TRUE(other.has_value());
  std::vector<net::Running<MaybeLease>> running;
  for (std::size_t i = 0; i < 100; ++i) {
    auto& asking = i % 3 == 0 ? **other : client();
    running.push_back(start(Lease::try_acquire(asking, "lease", seconds(100), {}), i % 2));
  }
  int holders = 0;
  for (auto& one : running) {
    const auto lease = one.get();
    ASSERT_TRUE(lease.has_value());
    holders += lease->has_value() ? 1 : 0;
  }
  EXPECT_EQ(holders, 1);
}

TEST_F(RedisScript, ALeaseExpires) {
  auto first = acquire(milliseconds(30));
  ASSERT_TRUE(first.has_value() && first->has_value());
  Result<MaybeLease> second;
  ASSERT_TRUE(eventually([&] {
    second = acquire();
    return second && second->has_value();
  }));
  EXPECT_EQ(start((*first)->renew(seconds(1), {})).get(), false);
  EXPECT_EQ(start((*first)->release({})).get(), false) << "it is another's now";
  EXPECT_EQ(start((*second)->renew(seconds(1), {})).get(), true);
}

TEST_F(RedisScript, RenewingHoldsALeaseLonger) {
  auto lease = acquire(seconds(10));
  ASSERT_TRUE(lease.has_value() && lease->has_value());
  const auto before = (*lease)->expires_at();
  EXPECT_EQ(start((*lease)->renew(seconds(1'000), {})).get(), true);
  EXPECT_GT((*lease)->expires_at(), before + seconds(900));
  EXPECT_GT(run(Command("PTTL", "lease"))->integer, 900'000);
}

TEST_F(RedisScript, WithoutRedisThereIsNoLeaseButAnError) {
  server_.kill();
  ASSERT_TRUE(eventually([&] { return client().stats().idle == 0; }));
  EXPECT_EQ(acquire().error().code, ErrorCode::kUnavailable);
}

} // namespace
} // namespace raglan::redis
