// Nodes count each other in Redis.
#include "redis/fleet.h"

#include <atomic>
#include <future>

#include "client_fixture.h"
#include "fake_server.h"
#include "real_server.h"

namespace raglan::redis {
namespace {

class FleetTest : public RedisTest {
 protected:
  // What detached coroutines use outlives them.
  ~FleetTest() override { loops_.stop(); }
};

TEST_F(FleetTest, NodesCountEachOtherAndThoseThatLeaveNoMore) {
  RealServer server;
  connect(patient(server.url()));
  Fleet one(client(), loops_, 0);
  ASSERT_TRUE(eventually([&] { return run(Command("ZCARD", "raglan:nodes"))->integer == 1; }));
  Fleet two(client(), loops_, 1);
  ASSERT_TRUE(eventually([&] { return two.size() == 2; }));
  ASSERT_TRUE(eventually([&] { return one.size() == 2; })) << "at its next beat";
  begin(two.leave()).get();
  EXPECT_EQ(run(Command("ZCARD", "raglan:nodes"))->integer, 1);
  EXPECT_TRUE(eventually([&] { return one.size() == 1; }));
}

// What leaves before the beat is over would be counted again by it.
TEST_F(FleetTest, WhoLeavesWhileItIsCountedIsForgottenAfterThat) {
  std::promise<void> beaten;
  std::promise<void> forgotten;
  std::atomic<bool> answered = false;
  std::atomic<bool> too_soon = false;
  http::RawServer server([&](http::RawPeer& peer) {
    FakeConnection connection(peer);
    connection.log_in();
    for (auto words = connection.read_command(); !words.empty();
         words = connection.read_command()) {
      if (words[0] == "ZREM") {
        too_soon = !answered;
        forgotten.set_value();
      } else {
        beaten.set_value();
        // Time in which a ZREM that waits for nothing would come.
        forgotten.get_future().wait_for(milliseconds(300));
        answered = true;
      }
      peer.send(":1\r\n");
    }
  });
  connect(patient(redis_url(server)));
  Fleet fleet(client(), loops_, 0);
  beaten.get_future().wait();
  auto leaving = begin(fleet.leave(), 1); // over another connection
  leaving.get();
  EXPECT_TRUE(answered);
  EXPECT_FALSE(too_soon);
}

TEST_F(FleetTest, WhoHasSaidNothingForLongIsNotCounted) {
  RealServer server;
  connect(patient(server.url()));
  const auto now = run(Command("TIME"))->elements[0].text;
  const auto before = [&](seconds age) {
    return std::to_string((std::stoll(now) - age.count()) * 1000);
  };
  run(Command("ZADD", "raglan:nodes", before(Fleet::kLifetime + seconds(1)), "silent"));
  run(Command("ZADD", "raglan:nodes", before(Fleet::kLifetime - seconds(5)), "heard"));
  Fleet fleet(client(), loops_, 0);
  ASSERT_TRUE(eventually([&] { return fleet.size() == 2; }));
  EXPECT_TRUE(run(Command("ZSCORE", "raglan:nodes", "silent"))->is_nil());
}

TEST_F(FleetTest, WhileRedisIsAwayTheLastCountStands) {
  RealServer server;
  connect(patient(server.url()));
  Fleet one(client(), loops_, 0);
  Fleet two(client(), loops_, 0);
  ASSERT_TRUE(eventually([&] { return one.size() == 2; }));
  server.kill();
  EXPECT_FALSE(run(Command("PING")));
  const auto failures = [&] {
    const auto stats = client().stats();
    return stats.unavailable + stats.broken + stats.timeouts;
  };
  const auto before = failures();
  ASSERT_TRUE(eventually([&] { return failures() >= before + 2; })) << "both have beaten";
  EXPECT_EQ(one.size(), 2u);
}

} // namespace
} // namespace raglan::redis
