// The client on a real cluster of three masters with replicas: keys everywhere, slots that are
// moved while they are used, a master that dies.
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

ClientConfig with_failover(const std::string& url) {
  auto config = patient(url);
  config.timeout = milliseconds(500);
  config.breaker.recovery_timeout = milliseconds(100);
  return config;
}

// One cluster for all tests: it takes seconds to form. Only the last test breaks it.
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

TEST_F(RedisCluster, AMasterThatDiesCutsOffNobodyElseAndIsReplaced) {
  connect(with_failover(cluster_->url()));
  TcpServer& victim = *cluster_->owner_of(hash_slot("{purge}"));
  std::string lost;
  std::vector<std::string> others;
  for (std::size_t i = 0; i < 3; ++i) {
    TcpServer& server = *cluster_->servers[i];
    (&server == &victim ? lost : others.emplace_back()) = key_of(server);
  }
  ASSERT_EQ(others.size(), 2u);
  ASSERT_TRUE(run(Command("SET", lost, "value")).has_value());
  for (const auto& key : others) ASSERT_TRUE(run(Command("SET", key, "value")).has_value());
  Told told;
  SubscriberEvents events;
  events.on_subscribed = [&told] { told.add("subscribed"); };
  events.on_lost = [&told] { told.add("lost"); };
  events.on_message = [&told](auto, std::string_view message) { told.add(std::string(message)); };
  SubscriberConfig config;
  config.backoff = {milliseconds(10), milliseconds(200)};
  const Subscriber subscriber(client(), config, {"{purge}"}, std::move(events), loops_, 1);
  told.wait_for(1);
  EXPECT_EQ(victim.tell(Command("PUBSUB", "NUMSUB", "{purge}")).elements[1].integer, 1)
      << "it listens where the channel's slot is";

  victim.kill();
  bool seen_down = false;
  await("the replica takes over", [&] {
    for (const auto& key : others) EXPECT_EQ(get(key), "value") << "another server's key";
    const bool down = !run(Command("GET", lost)).has_value();
    if (down && !seen_down) {
      // What one server has not answered is an error of its own.
      const auto replies =
          pipeline({Command("GET", others[0]), Command("GET", lost), Command("GET", others[1])});
      if (replies && (*replies)[1].is_error()) {
        EXPECT_EQ((*replies)[0].string(), "value");
        EXPECT_EQ((*replies)[2].string(), "value");
        EXPECT_FALSE(start(client().check({})).get().has_value());
        seen_down = true;
      }
    }
    return !down && run(Command("SET", lost, "after")).has_value();
  });
  EXPECT_TRUE(seen_down);
  EXPECT_EQ(get(lost, 1), "after");
  await("all servers are well", [&] { return start(client().check({})).get().has_value(); });
  await("the subscriber listens again", [&] { return subscriber.stats().subscribed; });
  await("it is heard", [&] {
    EXPECT_TRUE(run(Command("PUBLISH", "{purge}", "heard")).has_value());
    return subscriber.stats().messages > 0;
  });
  EXPECT_GE(told.wait_for(4).size(), 4u);
}

} // namespace
} // namespace raglan::redis
