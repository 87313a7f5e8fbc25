// Servers that are away, frozen, broken or talk nonsense: nobody waits longer than the timeout, the
// breaker opens, and all is well again by itself.
#include <atomic>
#include <future>

#include "client_fixture.h"
#include "fake_server.h"
#include "real_server.h"
#include "redis/connection.h"

namespace raglan::redis {
namespace {

using http::RawPeer;
using http::RawServer;
using policy::BreakerState;
using testing::HasSubstr;

constexpr milliseconds kTimeout(200);

ClientConfig impatient(const std::string& url) {
  auto config = patient(url);
  config.timeout = kTimeout;
  return config;
}

// The breaker probes at once, so that a test need not wait.
ClientConfig recovering(const std::string& url) {
  auto config = impatient(url);
  config.breaker.recovery_timeout = milliseconds(1);
  config.breaker.probe_lease = seconds(1);
  return config;
}

class RedisOutage : public RedisTest {
 protected:
  // Runs `count` commands at once, over both loops; each must fail. How long they took.
  Duration expect_all_fail(std::size_t count) {
    const auto began = SystemClock::instance().now();
    std::vector<net::Running<Reply>> running;
    for (std::size_t i = 0; i < count; ++i) running.push_back(begin(Command("GET", "key"), i % 2));
    for (auto& command : running) EXPECT_TRUE(command.error().has_value());
    return SystemClock::instance().now() - began;
  }
  // Of many at once none waits for the timeout twice: not after another, not to connect and then
  // for the answer. A busy machine may make one round late, and hardly five.
  void expect_one_timeout_for_all(const std::function<void()>& begin_round) {
    auto fastest = Duration::max();
    for (int round = 0; round < 5 && fastest >= 2 * kTimeout; ++round) {
      begin_round();
      fastest = std::min(fastest, expect_all_fail(100));
    }
    EXPECT_GE(fastest, kTimeout / 2);
    EXPECT_LT(fastest, 2 * kTimeout);
  }
  bool works_again() {
    return eventually([&] { return get("key", 0) == "value" && get("key", 1) == "value"; });
  }
  BreakerState state() { return client().stats().breaker.state; }
};

// As a managed endpoint does at a failover: the name stays, and the old server's connections, too.
TEST_F(RedisOutage, AServerThatWasDemotedBehindItsNameIsLeft) {
  std::atomic<bool> demoted = false;
  RawServer endpoint([&](RawPeer& peer) {
    const bool old = !demoted;
    FakeConnection connection(peer);
    for (auto words = connection.read_command(); !words.empty();
         words = connection.read_command()) {
      const bool refuses = words[0] == "SET" && old && demoted;
      peer.send(refuses ? "-READONLY You can't write against a read only replica.\r\n" : "+OK\r\n");
    }
  });
  connect(patient(redis_url(endpoint)));
  for (const std::size_t loop : {0, 1}) EXPECT_TRUE(run(Command("SET", "key", "a"), loop));
  demoted = true;
  for (const std::size_t loop : {0, 1}) {
    EXPECT_TRUE(eventually([&] { return run(Command("SET", "key", "b"), loop).has_value(); }));
  }
  EXPECT_EQ(endpoint.connections(), 4);
  EXPECT_EQ(client().stats().breaker.state, BreakerState::kClosed);
}

TEST_F(RedisOutage, AReplicaForGoodIsNotConnectedToAllTheTime) {
  RawServer replica([](RawPeer& peer) {
    FakeConnection connection(peer);
    connection.log_in();
    for (auto words = connection.read_command(); !words.empty();
         words = connection.read_command()) {
      peer.send("-READONLY You can't write against a read only replica.\r\n");
    }
  });
  connect(patient(redis_url(replica)));
  const auto began = SystemClock::instance().now();
  while (client().stats().opened < 3) EXPECT_FALSE(run(Command("SET", "key", "a")));
  EXPECT_GE(SystemClock::instance().now() - began, 2 * Connection::kStay);
}

TEST_F(RedisOutage, RefusedIsUnavailableAndOpensTheBreaker) {
  connect(impatient("unix:///nonexistent/redis.sock"));
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(state(), BreakerState::kClosed);
    const auto reply = run(Command("GET", "key"));
    ASSERT_EQ(code_of(reply), ErrorCode::kUnavailable);
    EXPECT_THAT(reply.error().message, HasSubstr("No such file"));
  }
  EXPECT_EQ(state(), BreakerState::kOpen);
  EXPECT_EQ(code_of(run(Command("GET", "key"))), ErrorCode::kUnavailable);
  EXPECT_EQ(client().stats().refused_by_breaker, 1u);
  EXPECT_EQ(client().stats().unavailable, 5u);
}

TEST_F(RedisOutage, ManyCommandsFailTogetherWhenNoConnectionCanBeMade) {
  std::string url;
  {
    RawServer server([](RawPeer&) {});
    url = redis_url(server);
  }
  auto config = impatient(url);
  config.breaker.failure_threshold = 1'000;
  connect(config);
  expect_all_fail(200);
  EXPECT_EQ(client().stats().unavailable, 200u);
}

TEST_F(RedisOutage, AServerThatComesUpIsFound) {
  RealServer server;
  connect(recovering(server.url()));
  server.kill();
  expect_all_fail(20);
  EXPECT_NE(state(), BreakerState::kClosed);
  server.start();
  EXPECT_TRUE(eventually([&] { return run(Command("SET", "key", "value")).has_value(); }));
  EXPECT_TRUE(works_again());
  EXPECT_EQ(state(), BreakerState::kClosed);
}

TEST_F(RedisOutage, AFrozenServerCostsTheTimeoutAndThenNothing) {
  RealServer server;
  connect(patient(server.url()));
  run(Command("SET", "key", "value"));
  client_.reset();

  connect(impatient(server.url()));
  ASSERT_TRUE(works_again());
  server.freeze();
  expect_all_fail(100);
  EXPECT_EQ(state(), BreakerState::kOpen);
  EXPECT_GE(client().stats().timeouts, 5u);
  const auto refused = client().stats().refused_by_breaker;
  expect_all_fail(100);
  EXPECT_EQ(client().stats().refused_by_breaker, refused + 100) << "not even asked";
  server.thaw();
}

TEST_F(RedisOutage, EveryCommandToAFrozenServerWaitsForOneTimeout) {
  RealServer server;
  auto config = impatient(server.url());
  config.breaker.failure_threshold = 1'000'000;
  connect(config);
  expect_one_timeout_for_all([&] {
    server.thaw();
    EXPECT_TRUE(eventually([&] { return run(Command("PING"), 0).has_value(); }));
    EXPECT_TRUE(eventually([&] { return run(Command("PING"), 1).has_value(); }));
    server.freeze();
  });
  server.thaw();
}

TEST_F(RedisOutage, ConnectingToAFrozenServerCostsNoMoreThanTheTimeout) {
  RealServer server;
  auto config = impatient(server.url());
  config.breaker.failure_threshold = 1'000'000;
  connect(config);
  server.freeze();
  expect_one_timeout_for_all([] {});
  server.thaw();
}

TEST_F(RedisOutage, AThawedServerIsUsedAgain) {
  RealServer server;
  connect(recovering(server.url()));
  ASSERT_TRUE(eventually([&] { return run(Command("SET", "key", "value")).has_value(); }));
  server.freeze();
  expect_all_fail(100);
  server.thaw();
  EXPECT_TRUE(works_again());
}

TEST_F(RedisOutage, AServerThatIsFrozenFromTheStartIsUnavailableInTime) {
  RealServer server;
  connect(impatient(server.url()));
  server.freeze(); // the kernel still accepts connections for it
  expect_all_fail(100);
  EXPECT_EQ(state(), BreakerState::kOpen);
  server.thaw();
}

TEST_F(RedisOutage, AfterARestartTheNextCommandMakesANewConnection) {
  RealServer server;
  connect(patient(server.url()));
  ASSERT_TRUE(run(Command("PING")).has_value());
  server.restart();
  // The connection's end has been seen.
  ASSERT_TRUE(eventually([&] { return client().stats().idle == 0; }));
  EXPECT_TRUE(run(Command("SET", "key", "value")).has_value());
  EXPECT_TRUE(works_again());
  EXPECT_EQ(client().stats().breaker.consecutive_failures, 0u);
}

TEST_F(RedisOutage, WhatIsUnderWayWhenAServerDiesFailsOnce) {
  std::promise<void> asked;
  RawServer server([&](RawPeer& peer) {
    FakeConnection connection(peer);
    connection.log_in();
    if (peer.number > 0) return connection.echo();
    for (int i = 0; i < 2; ++i) connection.read_command();
    connection.send_string("one");
    peer.reset();
  });
  connect(patient(redis_url(server)));
  auto first = begin(Command("ECHO", "one"));
  auto second = begin(Command("ECHO", "two"));
  const auto one = first.get();
  EXPECT_TRUE(!one || one->string() == "one") << "a reset may overtake what was sent before";
  EXPECT_EQ(second.error(), ErrorCode::kUpstream);
  EXPECT_EQ(run(Command("ECHO", "three"))->string(), "three");
  EXPECT_EQ(server.connections(), 2) << "nothing is sent twice";
}

TEST_F(RedisOutage, NonsenseInsteadOfALoginIsUnavailable) {
  RawServer server([](RawPeer& peer) { peer.send("SSH-2.0-OpenSSH_9.2\r\n"); });
  connect(impatient(redis_url(server)));
  const auto reply = run(Command("GET", "key"));
  ASSERT_EQ(code_of(reply), ErrorCode::kUnavailable);
  EXPECT_THAT(reply.error().message, HasSubstr("not RESP"));
  expect_all_fail(50);
  EXPECT_EQ(state(), BreakerState::kOpen);
}

TEST_F(RedisOutage, NonsenseInsteadOfAReplyEndsTheConnection) {
  RawServer server([](RawPeer& peer) {
    FakeConnection connection(peer);
    connection.log_in();
    connection.read_command();
    peer.send("HTTP/1.1 400 Bad Request\r\n\r\n");
    peer.wait_for_close();
  });
  connect(patient(redis_url(server)));
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(code_of(run(Command("GET", "key"))), ErrorCode::kUpstream);
  }
  EXPECT_EQ(server.connections(), 5);
  EXPECT_EQ(state(), BreakerState::kOpen);
}

TEST_F(RedisOutage, AReplyThatNobodyAskedForEndsTheConnection) {
  std::promise<bool> closed;
  RawServer server([&](RawPeer& peer) {
    FakeConnection connection(peer);
    connection.log_in();
    if (peer.number > 0) return connection.echo();
    connection.read_command();
    peer.send("$3\r\none\r\n$9\r\nintruding\r\n");
    closed.set_value(peer.wait_for_close());
  });
  connect(patient(redis_url(server)));
  EXPECT_EQ(run(Command("ECHO", "one"))->string(), "one");
  EXPECT_TRUE(closed.get_future().get());
  EXPECT_EQ(run(Command("ECHO", "two"))->string(), "two");
}

TEST_F(RedisOutage, AServerThatCannotServeYetOpensTheBreaker) {
  RawServer server([](RawPeer& peer) {
    FakeConnection connection(peer);
    connection.log_in();
    while (!connection.read_command().empty()) {
      peer.send("-LOADING Redis is loading the dataset in memory\r\n");
    }
  });
  connect(patient(redis_url(server)));
  for (int i = 0; i < 5; ++i) {
    const auto reply = run(Command("GET", "key"));
    ASSERT_EQ(code_of(reply), ErrorCode::kUnavailable);
    EXPECT_THAT(reply.error().message, HasSubstr("LOADING"));
  }
  EXPECT_EQ(state(), BreakerState::kOpen);
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(RedisOutage, AServerWithoutRoomForConnectionsIsUnavailable) {
  RealServer server({"--maxclients", "1"});
  connect(patient(server.url()));
  ASSERT_TRUE(eventually([&] { return run(Command("PING"), 0).has_value(); }));
  EXPECT_EQ(code_of(run(Command("PING"), 1)), ErrorCode::kUnavailable);
  EXPECT_TRUE(run(Command("PING"), 0).has_value());
}

TEST_F(RedisOutage, AnUnknownNameIsUnavailable) {
  connect(patient("redis://bad..name.invalid"));
  const auto reply = run(Command("GET", "key"));
  ASSERT_EQ(code_of(reply), ErrorCode::kUnavailable);
  EXPECT_THAT(reply.error().message, HasSubstr("name"));
}

} // namespace
} // namespace raglan::redis
