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
using testing::ElementsAre;

class PurgeFollowerTest : public redis::RedisTest {
 protected:
  void follow() {
    connect(patient(server_.url()));
    tier_.emplace(client(), SharedTier::Config{.name = "query", .keep = std::chrono::minutes(1)});
    PurgeFollower::Events events{
        .on_purge = [this](PurgeMessage purge) { told_.add(purge_text(purge)); },
        .on_missed = [this] { told_.add("missed"); },
    };
    redis::SubscriberConfig config;
    config.backoff = {std::chrono::milliseconds(1), std::chrono::milliseconds(20)};
    follower_.emplace(client(), config, std::move(events), loops_, 1);
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
  EXPECT_EQ(run(Command("INCR", client().name(kPurgeCountKey)))->integer, 2);
  server_.cut_off_subscribers();
  EXPECT_THAT(wait_for(3), ElementsAre("missed", "query:0000000000000001:*", "missed"));
  purge(2);
  EXPECT_EQ(wait_for(4).back(), "query:0000000000000002:*");
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
  purge(1);
  EXPECT_THAT(wait_for(2), ElementsAre("missed", "query:0000000000000001:*"));
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
