// The client on a real cluster of three masters with replicas: keys everywhere, slots that are
// moved while they are used. (cluster_failover_test.cpp: a master that dies.)
#include <atomic>
#include <set>
#include <thread>

#include "client_fixture.h"
#include "cluster_deployment.h"
#include "redis/lease.h"
#include "redis/scan.h"
#include "redis/subscriber.h"

namespace raglan::redis {
namespace {

using testing::HasSubstr;

// One cluster for all tests: it takes seconds to form. None breaks it, nor depends on another.
class RedisCluster : public RedisTest {
 protected:
  static void SetUpTestSuite() { cluster_ = std::make_unique<ClusterDeployment>(); }
  static void TearDownTestSuite() { cluster_.reset(); }

  RedisCluster() {
    for (const auto& server : cluster_->servers) {
      if (server->runs()) server->ask(Command("FLUSHALL"));
    }
  }

  Result<Replies> pipeline(std::vector<Command> commands, std::size_t loop = 0) {
    return start(client().pipeline(std::move(commands), {}), loop).get();
  }
  // A key whose slot is that server's.
  static std::string key_of(const TcpServer& server) {
    for (int i = 0;; ++i) {
      std::string key = "key" + std::to_string(i);
      if (cluster_->owner_of(hash_slot(key)) == &server) return key;
    }
  }

  static std::int64_t listeners(const TcpServer& server) {
    return server.tell(Command("PUBSUB", "NUMSUB", "{purge}")).elements[1].integer;
  }

  static inline std::unique_ptr<ClusterDeployment> cluster_;
};

TEST_F(RedisCluster, APipelineOverAllServersIsAnsweredInOrder) {
  connect(patient(cluster_->url()));
  std::vector<Command> sets;
  std::vector<Command> gets;
  for (int i = 0; i < 1'000; ++i) {
    sets.emplace_back("SET", "key" + std::to_string(i), i);
    gets.emplace_back("GET", "key" + std::to_string(i));
    if (i % 10 == 0) gets.emplace_back("LPUSH", "key" + std::to_string(i), "x");
  }
  const auto set = pipeline(sets, 0);
  ASSERT_TRUE(set.has_value());
  for (const Reply& reply : *set) EXPECT_TRUE(reply.is_ok());
  const auto got = pipeline(gets, 1);
  ASSERT_TRUE(got.has_value());
  ASSERT_EQ(got->size(), gets.size());
  std::size_t reply = 0;
  for (int i = 0; i < 1'000; ++i) {
    EXPECT_EQ((*got)[reply++].string(), std::to_string(i));
    if (i % 10 == 0) EXPECT_EQ((*got)[reply++].error_word(), "WRONGTYPE");
  }
  for (int i = 0; i < 3; ++i) {
    EXPECT_GT(cluster_->servers[static_cast<std::size_t>(i)]->tell(Command("DBSIZE")).integer, 250);
  }
  const auto stats = client().stats();
  EXPECT_EQ(stats.servers, 3u);
  EXPECT_EQ(stats.uncovered_slots, 0u);
  EXPECT_EQ(stats.redirected, 0u) << "each was sent to its server at once";
  EXPECT_EQ(stats.topologies, 1u);
  EXPECT_TRUE(start(client().check({})).get().has_value());
}

TEST_F(RedisCluster, CommandsWithoutAKeyGoToAnyServer) {
  connect(patient(cluster_->url()));
  std::set<std::string> ports;
  for (int i = 0; i < 6; ++i) ports.insert(run(Command("CONFIG", "GET", "port"))->elements[1].text);
  EXPECT_EQ(ports.size(), 3u) << "in turn";
}

TEST_F(RedisCluster, ScriptsAndLeasesWorkOnEveryServer) {
  connect(patient(cluster_->url()));
  const Script script(
      "return redis.call('INCRBY', KEYS[1], ARGV[1]) + redis.call('INCR', KEYS[2])");
  for (const std::string tag : {"a", "b", "c", "d", "e"}) {
    const auto reply =
        start(script.run(client(), {"{" + tag + "}one", "{" + tag + "}two"}, {"5"}, {})).get();
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(reply->integer, 6);
    auto lease = start(Lease::try_acquire(client(), "lease" + tag, seconds(100), {})).get();
    ASSERT_TRUE(lease.has_value() && lease->has_value());
    EXPECT_EQ(start((*lease)->release({})).get(), true);
  }
  const auto crossing = start(script.run(client(), {"a", "b"}, {"5"}, {})).get();
  ASSERT_EQ(code_of(crossing), ErrorCode::kUpstream);
  EXPECT_THAT(crossing.error().message, HasSubstr("CROSSSLOT"));
}

TEST_F(RedisCluster, AScanSeesTheKeysOfAllServers) {
  connect(patient(cluster_->url()));
  std::vector<Command> sets;
  for (int i = 0; i < 300; ++i) sets.emplace_back("SET", "scan" + std::to_string(i), i);
  sets.emplace_back("SET", "other", 1);
  ASSERT_TRUE(pipeline(sets).has_value());
  Scan scan(client(), "scan*");
  std::set<std::string> seen;
  while (true) {
    const auto names = start(scan.next({})).get();
    ASSERT_TRUE(names.has_value());
    if (!*names) break;
    seen.insert((*names)->begin(), (*names)->end());
  }
  EXPECT_EQ(seen.size(), 300u);
}

TEST_F(RedisCluster, ConnectionsAreBoundedOverAllServersAndLoops) {
  auto config = patient(cluster_->url());
  config.max_connections = 6;
  config.max_pipelined = 1;
  connect(config);
  std::size_t most = 0;
  for (int round = 0; round < 5; ++round) {
    std::vector<net::Running<Reply>> running;
    for (std::size_t i = 0; i < 400; ++i) {
      running.push_back(begin(Command("SET", "k" + std::to_string(i), "v"), i % 2));
    }
    for (auto& one : running) {
      EXPECT_TRUE(one.get().has_value());
      const auto stats = client().stats();
      most = std::max(most, stats.idle + stats.in_use + stats.connecting);
    }
  }
  EXPECT_LE(most, 6u);
  EXPECT_GE(most, 3u);
}

// Each key counts up, and no number may be wrong, missing or twice while its slot is moved to and
// fro: a command that is redirected is carried out once.
TEST_F(RedisCluster, SlotsAreMovedWhileTheirKeysAreUsedAndEveryReplyIsRight) {
  connect(patient(cluster_->url()));
  constexpr std::uint16_t kSlots[] = {100, 7'000, 16'000};
  std::vector<std::string> keys;
  for (const auto slot : kSlots) {
    int tag = 0; // with that slot, found by trying
    while (hash_slot(std::to_string(tag)) != slot) ++tag;
    for (int i = 0; i < 10; ++i) {
      keys.push_back("{" + std::to_string(tag) + "}" + std::to_string(i));
    }
  }
  std::atomic<bool> stop = false;
  std::atomic<int> rounds = 0;
  std::atomic<int> wrong = 0;
  std::atomic<int> failed = 0;
  std::thread traffic([&] {
    for (std::int64_t n = 1; !stop; ++n) {
      std::vector<Command> commands;
      for (const auto& key : keys) commands.emplace_back("INCR", key);
      const auto replies = pipeline(std::move(commands), static_cast<std::size_t>(n % 2));
      if (!replies) {
        ++failed;
        continue;
      }
      for (const Reply& reply : *replies) {
        if (reply.is_error()) ++failed;
        if (!reply.is_error() && reply.integer != n) ++wrong;
      }
      ++rounds;
    }
  });
  await("traffic runs", [&] { return rounds > 5; });
  std::uint64_t redirected = 0;
  for (int turn = 0; turn < 4; ++turn) {
    for (const auto slot : kSlots) {
      TcpServer* const from = cluster_->owner_of(slot);
      TcpServer* to = nullptr;
      for (std::size_t i = 0; i < 3; ++i) {
        if (cluster_->servers[i].get() == from) to = cluster_->servers[(i + 1) % 3].get();
      }
      cluster_->move_slot(slot, *to, [&] {
        const int before = rounds;
        await("traffic meets the move", [&] { return rounds > before + 2; });
        redirected = client().stats().redirected;
      });
    }
  }
  const int before = rounds;
  await("traffic goes on", [&] { return rounds > before + 5; });
  stop = true;
  traffic.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(failed, 0);
  EXPECT_GT(redirected, 0u);
  await("the map was read anew, and is right", [&] {
    const auto moved = client().stats().redirected;
    for (const auto& key : keys) EXPECT_TRUE(run(Command("GET", key)).has_value());
    return client().stats().redirected == moved && client().stats().topologies > 1;
  });
}

// Another server hears it over the cluster's bus, until the subscriber is there.
TEST_F(RedisCluster, ASubscriberListensWhereItsSlotIsThoughThatIsMoved) {
  connect(patient(cluster_->url()));
  const SubscriberConfig config{.ping_interval = milliseconds(200), .backoff = {}};
  const Subscriber subscriber(client(), config, {"{purge}"}, {}, loops_, 1);
  const auto slot = hash_slot("{purge}");
  TcpServer* const before = cluster_->owner_of(slot);
  await("it listens where the slot is", [&] { return listeners(*before) == 1; });
  TcpServer* const next = cluster_->servers[0].get() == before ? cluster_->servers[1].get()
                                                               : cluster_->servers[0].get();
  cluster_->move_slot(slot, *next);
  await("it has moved, too", [&] {
    EXPECT_TRUE(run(Command("GET", "{purge}")).has_value()); // is redirected, and has the map read
    return listeners(*next) == 1;
  });
  EXPECT_EQ(listeners(*before), 0);
  await("it is heard", [&] {
    EXPECT_TRUE(run(Command("PUBLISH", "{purge}", "heard")).has_value());
    return subscriber.stats().messages > 0;
  });
  cluster_->move_slot(slot, *before);
}

} // namespace
} // namespace raglan::redis
