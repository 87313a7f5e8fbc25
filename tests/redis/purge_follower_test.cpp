// What nodes hear of each other's purges, and when they know that they have missed one.
#include "cache/purge_follower.h"

#include "cache/shared_tier.h"
#include "client_fixture.h"
#include "real_server.h"

namespace raglan::cache {
namespace {

using redis::Command;
using redis::patient;
using redis::RealServer;
using std::chrono::milliseconds;
using testing::ElementsAre;

class PurgeFollowerTest : public redis::RedisTest {
 protected:
  void follow() { follow(patient(server_.url())); }
  void follow(const redis::ClientConfig& config_of_client, PurgeFollower::Timing timing = {}) {
    connect(config_of_client);
    tier_.emplace(client(), SharedTier::Config{.name = "query", .keep = std::chrono::minutes(1)});
    PurgeFollower::Events events{
        // Each is told twice, before it begins and when it is done.
        .on_purge =
            [this](PurgeMessage purge) {
              if (++heard_ % 2 == 1) told_.add(purge_text(purge));
            },
        .on_missed = [this] { told_.add("missed"); },
    };
    redis::SubscriberConfig config;
    config.backoff = {std::chrono::milliseconds(1), std::chrono::milliseconds(20)};
    follower_.emplace(client(), config, std::move(events), loops_, 1, timing);
  }
  void purge(Scope scope) {
    EXPECT_TRUE(start(tier_->purge({.scope = scope}, Deadline())).get().has_value());
  }

  std::vector<std::string> wait_for(std::size_t count) { return told_.wait_for(count); }
  void wait_subscribed() {
    ASSERT_TRUE(redis::eventually([&] {
      return run(Command("PUBSUB", "NUMSUB", client().name(kPurgeChannel)))->elements[1].integer ==
             1;
    }));
  }

  RealServer server_;
  std::optional<SharedTier> tier_;
  redis::Told told_;
  std::size_t heard_ = 0;                 // purges
  std::optional<PurgeFollower> follower_; // last: it tells
};

TEST_F(PurgeFollowerTest, PurgesAreHeardInOrder) {
  follow();
  wait_for(1);
  purge(1);
  purge(2);
  EXPECT_THAT(wait_for(3),
              ElementsAre("missed", "query:0000000000000001:*", "query:0000000000000002:*"));
}

TEST_F(PurgeFollowerTest, AGapInWhichNobodyPurgedIsNone) {
  follow();
  wait_for(1);
  purge(1);
  wait_for(2);
  server_.cut_off_subscribers();
  wait_subscribed();
  purge(2);
  EXPECT_THAT(wait_for(3),
              ElementsAre("missed", "query:0000000000000001:*", "query:0000000000000002:*"));
}

TEST_F(PurgeFollowerTest, AGapInWhichSomebodyPurgedIsTold) {
  follow();
  wait_for(1);
  purge(1);
  wait_for(2);
  // As another node does, which this one does not hear.
  EXPECT_TRUE(run(Command("INCR", client().name(kPurgeCountKey))));
  server_.cut_off_subscribers();
  EXPECT_THAT(wait_for(3), ElementsAre("missed", "query:0000000000000001:*", "missed"));
  purge(2);
  EXPECT_EQ(wait_for(4).back(), "query:0000000000000002:*");
}

TEST_F(PurgeFollowerTest, APurgeThatIsLostOnTheWayIsToldSoon) {
  follow(patient(server_.url()),
         {.compare_every = milliseconds(20), .on_its_way = milliseconds(20)});
  wait_for(1);
  // As another node does, and what it publishes gets lost.
  EXPECT_TRUE(run(Command("INCR", client().name(kPurgeCountKey))));
  EXPECT_THAT(wait_for(2), ElementsAre("missed", "missed"));
  EXPECT_TRUE(run(Command("INCR", client().name(kPurgeCountKey))));
  EXPECT_THAT(wait_for(3), ElementsAre("missed", "missed", "missed"));
}

TEST_F(PurgeFollowerTest, APurgeThatIsOnItsWayIsNotLost) {
  follow(patient(server_.url()),
         {.compare_every = milliseconds(1), .on_its_way = std::chrono::seconds(10)});
  wait_for(1);
  constexpr std::size_t kPurges = 200;
  for (std::size_t i = 0; i < kPurges; ++i) purge(i);
  EXPECT_EQ(std::ranges::count(wait_for(1 + kPurges), "missed"), 1);
}

TEST_F(PurgeFollowerTest, ARedisThatIsFullPassesPurgesOnUncounted) {
  follow();
  wait_for(1);
  purge(1);
  wait_for(2);
  ASSERT_TRUE(run(Command("CONFIG", "SET", "maxmemory", "1")).has_value());
  purge(2);
  ASSERT_TRUE(run(Command("CONFIG", "SET", "maxmemory", "0")).has_value());
  purge(3);
  EXPECT_THAT(wait_for(4), ElementsAre("missed", "query:0000000000000001:*",
                                       "query:0000000000000002:*", "query:0000000000000003:*"));
}

TEST_F(PurgeFollowerTest, ARedisThatComesBackEmptyIsNoGapWhereNothingWasPurged) {
  follow();
  wait_for(1);
  server_.restart();
  ASSERT_TRUE(redis::eventually([&] { return run(Command("PING")).has_value(); }));
  wait_subscribed();
  // And until it has asked for the count: a purge meanwhile may be taken for one that was missed.
  ASSERT_TRUE(redis::eventually(
      [&] { return run(Command("INFO", "commandstats"))->string()->contains("cmdstat_get:"); }));
  purge(1);
  EXPECT_THAT(wait_for(2), ElementsAre("missed", "query:0000000000000001:*"));
}

TEST_F(PurgeFollowerTest, ACountThatIsBegunAnewIsAnother) {
  follow();
  const std::string key = client().name(kPurgeCountKey);
  purge(1);
  const std::string first = get(key);
  run(Command("DEL", key));
  purge(2);
  EXPECT_NE(get(key), first) << "though it counted one purge, too";
}

TEST_F(PurgeFollowerTest, ACountThatRedisEvictedIsAGapToWhoListens) {
  follow();
  wait_for(1);
  purge(1);
  wait_for(2);
  run(Command("DEL", client().name(kPurgeCountKey)));
  purge(2);
  EXPECT_THAT(wait_for(4), ElementsAre("missed", "query:0000000000000001:*", "missed",
                                       "query:0000000000000002:*"));
  purge(3);
  EXPECT_EQ(wait_for(5).back(), "query:0000000000000003:*");
}

TEST_F(PurgeFollowerTest, WhoMayNotListenSaysSo) {
  follow();
  wait_for(1);
  ASSERT_TRUE(redis::eventually([&] { return follower_->listening(); }));
  run(Command("ACL", "SETUSER", "default", "resetchannels"));
  server_.cut_off_subscribers();
  ASSERT_TRUE(redis::eventually([&] { return !follower_->listening(); }));
  run(Command("ACL", "SETUSER", "default", "allchannels"));
  EXPECT_TRUE(redis::eventually([&] { return follower_->listening(); }));
}

// Redis is heard again before the client's breaker lets anybody ask it.
TEST_F(PurgeFollowerTest, ThatRedisCannotBeAskedForTheNumberIsNoGap) {
  auto config = patient(server_.url());
  config.timeout = milliseconds(100);
  config.breaker.failure_threshold = 1;
  config.breaker.recovery_timeout = milliseconds(700);
  follow(config);
  wait_for(1);
  purge(1);
  wait_for(2);
  server_.freeze();
  EXPECT_FALSE(run(Command("PING")));
  server_.thaw();
  EXPECT_EQ(client().stats().breaker.state, policy::BreakerState::kOpen);
  server_.cut_off_subscribers();
  ASSERT_TRUE(redis::eventually([&] { return run(Command("PING")).has_value(); }));
  ASSERT_TRUE(redis::eventually([&] { return follower_->listening(); }));
  purge(2);
  EXPECT_THAT(wait_for(3),
              ElementsAre("missed", "query:0000000000000001:*", "query:0000000000000002:*"));
}

TEST_F(PurgeFollowerTest, ARedisThatLostTheCountIsAGap) {
  follow();
  wait_for(1);
  purge(1);
  wait_for(2);
  server_.restart();
  EXPECT_THAT(wait_for(3), ElementsAre("missed", "query:0000000000000001:*", "missed"));
}

} // namespace
} // namespace raglan::cache
