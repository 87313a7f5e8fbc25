// The client on a real cluster of which a master dies: nobody else is cut off, and its replica is
// found.
#include <algorithm>
#include <optional>
#include <vector>

#include "client_fixture.h"
#include "cluster_deployment.h"
#include "redis/subscriber.h"

namespace raglan::redis {
namespace {

class RedisClusterFailover : public RedisTest {
 protected:
  void form(std::string_view full_coverage) { cluster_.emplace(full_coverage); }
  Result<Replies> pipeline(std::vector<Command> commands) {
    return start(client().pipeline(std::move(commands), {})).get();
  }
  // A key whose slot is that server's.
  std::string key_of(const TcpServer& server) const {
    for (int i = 0;; ++i) {
      std::string key = "key" + std::to_string(i);
      if (cluster_->owner_of(hash_slot(key)) == &server) return key;
    }
  }
  // A key of the server that has the purges' channel, and one of each other.
  void choose_victim() {
    victim_ = cluster_->owner_of(hash_slot("{purge}"));
    for (std::size_t i = 0; i < 3; ++i) {
      TcpServer& server = *cluster_->servers[i];
      (&server == victim_ ? lost_ : others_.emplace_back()) = key_of(server);
    }
  }

  std::optional<ClusterDeployment> cluster_;
  TcpServer* victim_ = nullptr;
  std::string lost_;
  std::vector<std::string> others_;
};

TEST_F(RedisClusterFailover, AMasterThatDiesCutsOffNobodyElseAndIsReplaced) {
  form("no");
  connect(with_failover(cluster_->url()));
  choose_victim();
  ASSERT_TRUE(run(Command("SET", lost_, "value")).has_value());
  for (const auto& key : others_) ASSERT_TRUE(run(Command("SET", key, "value")).has_value());
  Told told;
  SubscriberEvents events;
  events.on_subscribed = [&told] { told.add("subscribed"); };
  events.on_lost = [&told] { told.add("lost"); };
  events.on_message = [&told](auto, std::string_view message) { told.add(std::string(message)); };
  SubscriberConfig config;
  config.ping_interval = milliseconds(200);
  config.backoff = {milliseconds(10), milliseconds(200)};
  const Subscriber subscriber(client(), config, {"{purge}"}, std::move(events), loops_, 1);
  told.wait_for(1);
  EXPECT_EQ(victim_->tell(Command("PUBSUB", "NUMSUB", "{purge}")).elements[1].integer, 1)
      << "it listens where the channel's slot is";

  victim_->kill();
  bool seen_down = false;
  await("the replica takes over", [&] {
    for (const auto& key : others_) EXPECT_EQ(get(key), "value") << "another server's key";
    const bool down = !run(Command("GET", lost_)).has_value();
    if (down && !seen_down) {
      // What one server has not answered is an error of its own.
      const auto replies =
          pipeline({Command("GET", others_[0]), Command("GET", lost_), Command("GET", others_[1])});
      if (replies && (*replies)[1].is_error()) {
        EXPECT_EQ((*replies)[0].string(), "value");
        EXPECT_EQ((*replies)[2].string(), "value");
        EXPECT_FALSE(start(client().check({})).get().has_value());
        seen_down = true;
      }
    }
    return !down && run(Command("SET", lost_, "after")).has_value();
  });
  EXPECT_TRUE(seen_down);
  EXPECT_EQ(get(lost_, 1), "after");
  await("all servers are well", [&] { return start(client().check({})).get().has_value(); });
  await("the subscriber listens again", [&] { return subscriber.stats().subscribed; });
  await("it is heard", [&] {
    EXPECT_TRUE(run(Command("PUBLISH", "{purge}", "heard")).has_value());
    return subscriber.stats().messages > 0;
  });
  EXPECT_GE(told.wait_for(4).size(), 4u);
  await("it listens where the slot is now", [&] {
    TcpServer* const owner = cluster_->owner_of(hash_slot("{purge}"));
    return owner->tell(Command("PUBSUB", "NUMSUB", "{purge}")).elements[1].integer == 1;
  });
}

// The survivors say CLUSTERDOWN to everything until the replica has taken over.
TEST_F(RedisClusterFailover, WithFullCoverageTheSurvivorsAreNotLeftAloneForIt) {
  form("yes");
  auto config = with_failover(cluster_->url());
  config.breaker = {}; // a minute, when one opens
  connect(config);
  choose_victim();
  for (const auto& key : others_) ASSERT_TRUE(run(Command("SET", key, "value")).has_value());
  victim_->kill();
  std::size_t down = 0;
  await("the cluster is down", [&] {
    for (const auto& key : others_) down += run(Command("GET", key)).has_value() ? 0 : 1;
    return down >= 2 * config.breaker.failure_threshold;
  });
  await("it is whole again", [&] {
    return std::ranges::all_of(cluster_->servers, [](const auto& server) {
      return !server->runs() || server->says(Command("CLUSTER", "INFO"), "cluster_state:ok");
    });
  });
  const auto whole = SystemClock::instance().now();
  await("all answer", [&] {
    return run(Command("SET", lost_, "after")).has_value() && get(others_[0]) == "value" &&
           get(others_[1]) == "value";
  });
  EXPECT_LT(SystemClock::instance().now() - whole, config.breaker.recovery_timeout / 2);
}

} // namespace
} // namespace raglan::redis
