// The client behind sentinels: real ones, whose master dies, hangs and is replaced, and ones that
// say what a test tells them to.
#include <atomic>
#include <thread>

#include "client_fixture.h"
#include "fake_server.h"
#include "redis/subscriber.h"
#include "sentinel_deployment.h"

namespace raglan::redis {
namespace {

using http::RawPeer;
using http::RawServer;
using testing::HasSubstr;

class RedisSentinel : public RedisTest {
 protected:
  // Waits up to a minute: electing another master takes the sentinels some seconds.
  void await_writing(std::string_view key) {
    await("commands are answered again",
          [&] { return run(Command("SET", key, "value")).has_value(); });
  }
  // What the server says that it is.
  std::string role() {
    const auto reply = run(Command("ROLE"));
    return reply && !reply->elements.empty() ? reply->elements[0].text : "";
  }
  std::string port_of_server() {
    const auto reply = run(Command("CONFIG", "GET", "port"));
    return reply && reply->elements.size() == 2 ? reply->elements[1].text : "";
  }
};

TEST_F(RedisSentinel, TheMasterIsFoundThoughASentinelIsAway) {
  const SentinelDeployment deployment;
  connect(with_failover(deployment.url("", "127.0.0.1:" + std::to_string(free_port()))));
  EXPECT_TRUE(run(Command("SET", "key", "value"), 0)->is_ok());
  EXPECT_EQ(get("key", 1), "value");
  EXPECT_EQ(port_of_server(), std::to_string(deployment.servers[0]->port()));
  EXPECT_TRUE(start(client().check({})).get().has_value());
  EXPECT_EQ(client().stats().servers, 1u);
  EXPECT_EQ(client().stats().topologies, 1u);
}

TEST_F(RedisSentinel, AFailoverThatAnOperatorAsksForIsFollowedWhileCommandsRun) {
  const SentinelDeployment deployment;
  connect(with_failover(deployment.url()));
  await_writing("key");
  std::atomic<bool> stop = false;
  std::atomic<int> wrong = 0;
  std::thread traffic([&] {
    for (int i = 0; !stop; ++i) {
      const auto reply = run(Command("ECHO", std::to_string(i)), static_cast<std::size_t>(i % 2));
      if (reply && reply->string() != std::to_string(i)) ++wrong;
    }
  });
  deployment.sentinels[0]->tell(Command("SENTINEL", "FAILOVER", "mymaster"));
  await("there is another master", [&] {
    TcpServer* const master = deployment.master();
    return master != nullptr && master != deployment.servers[0].get() &&
           master->says(Command("INFO", "replication"), "role:master");
  });
  await("the client has it", [&] {
    return run(Command("SET", "key", "after")).has_value() &&
           port_of_server() == std::to_string(deployment.master()->port());
  });
  stop = true;
  traffic.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(role(), "master");
  // What the old one took last may be lost with it.
  EXPECT_TRUE(run(Command("SET", "key", "kept")).has_value());
  EXPECT_EQ(get("key", 1), "kept");
  EXPECT_GE(client().stats().topologies, 2u);
}

TEST_F(RedisSentinel, AMasterThatDiesIsReplacedAndSubscribersListenAtTheNext) {
  const SentinelDeployment deployment;
  connect(with_failover(deployment.url()));
  await_writing("key");
  Told told;
  SubscriberEvents events;
  events.on_subscribed = [&told] { told.add("subscribed"); };
  events.on_lost = [&told] { told.add("lost"); };
  events.on_message = [&told](auto, std::string_view message) { told.add(std::string(message)); };
  SubscriberConfig config;
  config.backoff = {milliseconds(10), milliseconds(200)};
  const Subscriber subscriber(client(), config, {"a"}, std::move(events), loops_, 1);
  told.wait_for(1);

  deployment.servers[0]->kill();
  auto longest = Duration::zero();
  await("commands are answered again", [&] {
    const auto began = SystemClock::instance().now();
    const auto reply = run(Command("SET", "key", "after"));
    longest = std::max(longest, SystemClock::instance().now() - began);
    return reply.has_value();
  });
  EXPECT_LT(longest, 3 * with_failover("").timeout) << "a miss costs the timeout at most";
  EXPECT_EQ(role(), "master");
  EXPECT_NE(port_of_server(), std::to_string(deployment.servers[0]->port()));
  EXPECT_EQ(client().stats().breaker.state, policy::BreakerState::kClosed)
      << "the new master's is its own";
  await("the subscriber listens again", [&] { return subscriber.stats().subscribed; });
  EXPECT_TRUE(run(Command("PUBLISH", "a", "heard")).has_value());
  const auto all = told.wait_for(4);
  EXPECT_EQ(all.back(), "heard");
  EXPECT_EQ(all[1], "lost");
}

TEST_F(RedisSentinel, AMasterThatHangsIsReplacedAndNotUsedWhenItGoesOn) {
  const SentinelDeployment deployment;
  connect(with_failover(deployment.url()));
  await_writing("key");
  deployment.servers[0]->freeze();
  await_writing("key");
  EXPECT_NE(port_of_server(), std::to_string(deployment.servers[0]->port()));
  deployment.servers[0]->thaw();
  await("it is a replica",
        [&] { return deployment.servers[0]->says(Command("INFO", "replication"), "role:slave"); });
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(run(Command("SET", "key", i), static_cast<std::size_t>(i % 2)).has_value());
  }
}

TEST_F(RedisSentinel, TheSentinelsMayWantALogin) {
  const SentinelDeployment deployment("s3cret");
  auto config = with_failover(deployment.url());
  connect(config);
  EXPECT_EQ(code_of(run(Command("PING"))), ErrorCode::kUnavailable);
  client_.reset();
  config.sentinel_password = config::Secret("s3cret");
  connect(config);
  EXPECT_TRUE(run(Command("PING")).has_value());
}

// A server that answers what the client asks before anything else, and then PING and ECHO.
void serve(FakeConnection& connection, RawPeer& peer, const std::string& role) {
  for (auto words = connection.read_command(); !words.empty(); words = connection.read_command()) {
    if (words[0] == "ROLE") {
      peer.send("*2\r\n$" + std::to_string(role.size()) + "\r\n" + role + "\r\n:0\r\n");
    } else if (words[0] == "ECHO") {
      connection.send_string(words[1]);
    } else if (words[0] == "SET") {
      peer.send("-READONLY You can't write against a read only replica.\r\n");
    } else {
      peer.send("+OK\r\n");
    }
  }
}

RawServer::Script server_that_is(const std::string& role) {
  return [role](RawPeer& peer) {
    FakeConnection connection(peer);
    serve(connection, peer, role);
  };
}

RawServer::Script sentinel_that_names(std::function<std::uint16_t()> port) {
  return [port](RawPeer& peer) {
    FakeConnection connection(peer);
    for (auto words = connection.read_command(); !words.empty();
         words = connection.read_command()) {
      if (words[0] != "SENTINEL") {
        peer.send("+OK\r\n");
        continue;
      }
      const auto named = port();
      if (named == 0) {
        peer.send("*-1\r\n");
        continue;
      }
      const std::string text = std::to_string(named);
      peer.send("*2\r\n$9\r\n127.0.0.1\r\n$" + std::to_string(text.size()) + "\r\n" + text +
                "\r\n");
    }
  };
}

std::string url_of(const RawServer& one, const RawServer& two) {
  return "redis+sentinel://127.0.0.1:" + std::to_string(one.port()) +
         ",127.0.0.1:" + std::to_string(two.port()) + "/mymaster";
}

TEST_F(RedisSentinel, AServerThatIsNoMasterIsNotBelievedToBeOne) {
  RawServer replica(server_that_is("slave"));
  RawServer master(server_that_is("master"));
  RawServer stale(sentinel_that_names([&] { return replica.port(); }));
  RawServer fresh(sentinel_that_names([&] { return master.port(); }));
  connect(patient(url_of(stale, fresh)));
  EXPECT_EQ(run(Command("ECHO", "x"))->string(), "x");
  EXPECT_EQ(replica.connections(), 1) << "it was asked for its role, and left";
}

TEST_F(RedisSentinel, WithoutAMasterCommandsFailAndThenAtOnce) {
  RawServer replica(server_that_is("slave"));
  RawServer one(sentinel_that_names([&] { return replica.port(); }));
  RawServer two(sentinel_that_names([] { return std::uint16_t{0}; }));
  connect(patient(url_of(one, two)));
  for (int i = 0; i < 10; ++i) {
    const auto reply = run(Command("ECHO", "x"));
    ASSERT_EQ(code_of(reply), ErrorCode::kUnavailable);
    EXPECT_THAT(reply.error().message, HasSubstr("knows no master of that name"));
  }
  EXPECT_EQ(client().stats().servers, 0u);
}

TEST_F(RedisSentinel, AMasterThatWasDemotedWithoutAWordIsLeft) {
  RawServer demoted(server_that_is("master")); // says READONLY all the same
  RawServer master(server_that_is("master"));
  std::atomic<bool> switched = false;
  const auto named = [&] { return switched ? master.port() : demoted.port(); };
  RawServer one(sentinel_that_names(named));
  RawServer two(sentinel_that_names(named));
  connect(patient(url_of(one, two)));
  EXPECT_EQ(run(Command("ECHO", "x"))->string(), "x");
  EXPECT_EQ(master.connections(), 0);
  switched = true;
  EXPECT_EQ(code_of(run(Command("SET", "key", "value"))), ErrorCode::kUpstream);
  EXPECT_TRUE(eventually([&] {
    return run(Command("ECHO", "y"))->string() == "y" && client().stats().topologies == 2;
  }));
  EXPECT_TRUE(eventually(
      [&] { return run(Command("ECHO", "z")).has_value() && master.connections() > 1; }));
  const auto stats = client().stats();
  EXPECT_EQ(stats.idle + stats.in_use, 1u) << "that to the old master is closed";
}

// All sentinels announce one name, whoever is the master.
TEST_F(RedisSentinel, AMasterThatIsReplacedBehindItsNameIsLeft) {
  for (const std::string word : {"READONLY", "NOREPLICAS"}) {
    std::atomic<bool> replaced = false;
    RawServer name([&](RawPeer& peer) {
      const bool old = !replaced;
      FakeConnection connection(peer);
      for (auto words = connection.read_command(); !words.empty();
           words = connection.read_command()) {
        if (words[0] == "ROLE") {
          peer.send("*2\r\n$6\r\nmaster\r\n:0\r\n");
        } else if (words[0] == "SET" && old && replaced) {
          peer.send("-" + word + " it says\r\n");
        } else {
          peer.send("+OK\r\n");
        }
      }
    });
    RawServer one(sentinel_that_names([&] { return name.port(); }));
    RawServer two(sentinel_that_names([&] { return name.port(); }));
    connect(patient(url_of(one, two)));
    EXPECT_TRUE(run(Command("SET", "key", "a")).has_value());
    replaced = true;
    EXPECT_TRUE(eventually([&] { return run(Command("SET", "key", "b")).has_value(); })) << word;
    EXPECT_EQ(client().stats().topologies, 1u);
    EXPECT_GE(client().stats().refreshes, 1u);
    client_.reset();
  }
}

TEST_F(RedisSentinel, WhatABreakerCountedStaysWhenItsServerGoes) {
  std::atomic<bool> broken = false;
  RawServer old([&](RawPeer& peer) {
    FakeConnection connection(peer);
    if (!broken) serve(connection, peer, "master");
  });
  RawServer master(server_that_is("master"));
  const auto named = [&] { return broken ? master.port() : old.port(); };
  RawServer one(sentinel_that_names(named));
  RawServer two(sentinel_that_names(named));
  auto config = patient(url_of(one, two));
  config.breaker.failure_threshold = 1;
  connect(config);
  ASSERT_TRUE(run(Command("ECHO", "x"), 0).has_value());
  broken = true;
  EXPECT_FALSE(run(Command("ECHO", "x"), 1).has_value()) << "that loop has no connection yet";
  EXPECT_TRUE(eventually([&] { return client().stats().topologies == 2; }));
  EXPECT_TRUE(run(Command("ECHO", "x"), 1).has_value());
  EXPECT_EQ(client().stats().breaker.state, policy::BreakerState::kClosed);
  EXPECT_EQ(client().stats().breaker.transitions, 1u);
}

// A sentinel that was cut off with the old master, which says that it is one, too.
TEST_F(RedisSentinel, TheLatestFailoverThatAnySentinelKnowsOfCounts) {
  RawServer old(server_that_is("master"));
  RawServer master(server_that_is("master"));
  const auto sentinel = [](std::uint16_t port, std::string epoch) {
    return [port, epoch](RawPeer& peer) {
      FakeConnection connection(peer);
      for (auto words = connection.read_command(); !words.empty();
           words = connection.read_command()) {
        const std::string number = std::to_string(port);
        if (words[0] != "SENTINEL") {
          peer.send("+OK\r\n");
          continue;
        }
        std::vector<std::string> reply{"127.0.0.1", number};
        if (words[1] == "MASTER") {
          reply = {"name", "mymaster", "ip", "127.0.0.1", "port", number, "config-epoch", epoch};
        }
        peer.send("*" + std::to_string(reply.size()) + "\r\n");
        for (const auto& text : reply) connection.send_string(text);
      }
    };
  };
  RawServer stale(sentinel(old.port(), "3"));
  RawServer fresh(sentinel(master.port(), "4"));
  connect(patient(url_of(stale, fresh)));
  EXPECT_TRUE(run(Command("ECHO", "x")).has_value());
  EXPECT_EQ(master.connections(), 0) << "the first that answers is believed";
  await("they are asked for themselves", [&] { return client().stats().topologies == 2; });
  EXPECT_TRUE(run(Command("ECHO", "x")).has_value());
  EXPECT_EQ(master.connections(), 2);
  const auto refreshes = client().stats().refreshes;
  EXPECT_FALSE(run(Command("SET", "key", "value")).has_value()); // READONLY: asked again
  await("the fresh one is asked first", [&] { return client().stats().refreshes > refreshes; });
  EXPECT_EQ(client().stats().topologies, 2u);
}

TEST_F(RedisSentinel, TheClientMayBeDestroyedWhileItLooksForTheMaster) {
  RawServer one([](RawPeer& peer) { peer.wait_for_close(); });
  RawServer two([](RawPeer& peer) { peer.wait_for_close(); });
  connect(patient(url_of(one, two)));
  auto waiting = begin(Command("PING"), 1);
  ASSERT_TRUE(eventually([&] { return one.connections() == 1; }));
  client_.reset();
  EXPECT_EQ(waiting.error(), ErrorCode::kUnavailable);
}

TEST_F(RedisSentinel, ACommandThatWaitsForTheMasterHasItsTimeLimit) {
  RawServer one([](RawPeer& peer) { peer.wait_for_close(); });
  RawServer two([](RawPeer& peer) { peer.wait_for_close(); });
  auto config = patient(url_of(one, two));
  config.timeout = milliseconds(100);
  connect(config);
  EXPECT_EQ(code_of(run(Command("PING"))), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(client().stats().timeouts, 1u);
}

} // namespace
} // namespace raglan::redis
