// Connections to the servers of a cluster that changes: none is kept where nobody uses it, and each
// server has its own.
#include <algorithm>
#include <atomic>

#include "client_fixture.h"
#include "fake_cluster.h"
#include "redis/known_servers.h"

namespace raglan::redis {
namespace {

using http::RawServer;

class RedisClusterConnections : public RedisTest {
 protected:
  std::size_t connections() const {
    const ClientStats stats = client_->stats();
    return stats.connecting + stats.idle + stats.in_use;
  }
  // Each server answers for a key of its own, to both loops.
  void expect_all_answer(std::size_t owners) {
    for (std::size_t owner = 0; owner < owners; ++owner) {
      for (const std::size_t loop : {0, 1}) {
        EXPECT_EQ(get(FakeMap::key_of(owner, owners), loop), "x") << owner << " " << loop;
      }
    }
  }

  FakeMap map_;
};

// Four shares of one connection each (one is to spare), on the loops 0, 1, 0, 1. The first server
// dies and its replica sorts last: the others' connections become the other loop's each.
TEST_F(RedisClusterConnections, AfterAFailoverEachMasterHasItsOwnAndTheOldOnesAreClosed) {
  struct Member {
    std::atomic<bool> dead = false;
    std::unique_ptr<RawServer> server;
    std::uint16_t port() const { return server->port(); }
  };
  std::vector<std::unique_ptr<Member>> members;
  for (int i = 0; i < 4; ++i) {
    auto& one = *members.emplace_back(std::make_unique<Member>());
    auto answer = [&one](const Words&) { return one.dead ? std::string() : bulk("x"); };
    one.server = std::make_unique<RawServer>(member(map_, answer));
  }
  std::ranges::sort(members, {}, &Member::port);
  map_.set({members[0]->port(), members[1]->port(), members[2]->port()});
  auto config = patient(cluster_url(*members[1]->server));
  config.max_connections = 4;
  config.timeout = seconds(2);
  connect(config);
  expect_all_answer(3);
  EXPECT_EQ(connections(), 3u);

  members[0]->dead = true;
  map_.set({members[1]->port(), members[2]->port(), members[3]->port()});
  EXPECT_EQ(code_of(run(Command("GET", FakeMap::key_of(0, 3)))), ErrorCode::kUpstream);
  ASSERT_TRUE(eventually([&] { return client().stats().topologies == 2; }));
  expect_all_answer(3);
  EXPECT_TRUE(eventually([&] { return connections() == 3; })) << "none is left behind";
  EXPECT_EQ(client().stats().breaker.consecutive_failures, 0u);
}

// Those that are not in the map yet share one share.
TEST_F(RedisClusterConnections, ServersThatAreNotInTheMapGiveTheirsBackToEachOther) {
  RawServer one(member(map_, [](const Words&) { return bulk("one"); }));
  RawServer two(member(map_, [](const Words&) { return bulk("two"); }));
  RawServer owner(member(map_, [&](const Words& words) {
    if (words[0] == "ASKING" || words[1] == "here") return bulk("here");
    return there("ASK", words[1] == "one" ? one : two);
  }));
  map_.set({owner.port()});
  auto config = patient(cluster_url(owner));
  config.max_connections = 2;
  config.timeout = seconds(2);
  connect(config);
  for (int i = 0; i < 3; ++i) {
    for (const auto* key : {"here", "one", "two"}) EXPECT_EQ(get(key, i % 2), key);
  }
  EXPECT_LE(connections(), 2u);
}

// A refresh that finds the same map forgets who was named before it, and has connections closed.
TEST_F(RedisClusterConnections, AServerThatIsNoLongerNamedIsLeftThoughTheMapIsTheSame) {
  std::atomic<bool> moving = true;
  RawServer guest(member(map_, [](const Words&) { return bulk("guest"); }));
  RawServer owner(member(map_, [&](const Words& words) {
    if (words[1] == "down") return std::string("-CLUSTERDOWN has the map read anew\r\n");
    return moving ? there("ASK", guest) : bulk("owner");
  }));
  map_.set({owner.port()});
  connect(patient(cluster_url(owner)));
  EXPECT_EQ(get("key"), "guest");
  EXPECT_EQ(connections(), 2u);
  moving = false;
  const auto refresh = [&] {
    const auto before = client().stats().refreshes;
    EXPECT_EQ(get("down"), "unavailable");
    ASSERT_TRUE(eventually([&] { return client().stats().refreshes > before; }));
  };
  refresh();
  EXPECT_EQ(connections(), 2u) << "it was named since the map before";
  refresh();
  for (const std::size_t loop : {0, 0, 1}) settle(loop); // it tells all loops
  EXPECT_EQ(connections(), 1u);
  EXPECT_EQ(client().stats().topologies, 1u);
}

TEST_F(RedisClusterConnections, RedirectsToEverMoreServersAreNotFollowed) {
  std::atomic<std::uint16_t> next = 1;
  RawServer owner(member(map_, [&](const Words& words) {
    if (words[1] == "here") return bulk("here");
    return "-ASK 1 127.0.0.1:" + std::to_string(next++) + "\r\n"; // nobody is there
  }));
  map_.set({owner.port()});
  connect(patient(cluster_url(owner)));
  constexpr std::size_t kTooMany = 10;
  std::vector<Command> commands{Command("GET", "here")};
  for (std::size_t i = 0; i < KnownServers::kMaxGuests + kTooMany; ++i) {
    commands.emplace_back("GET", "away");
  }
  const auto replies = start(client().pipeline(std::move(commands), {})).get();
  ASSERT_TRUE(replies.has_value());
  EXPECT_EQ((*replies)[0].string(), "here");
  EXPECT_EQ(std::ranges::count(*replies, ErrorCode::kOverloaded, &Reply::ours), kTooMany);
}

} // namespace
} // namespace raglan::redis
