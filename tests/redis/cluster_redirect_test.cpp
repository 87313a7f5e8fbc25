// What servers of a cluster say of where a command belongs, from sockets that say what a test tells
// them to: redirects are followed, and not for ever.
#include <atomic>
#include <mutex>

#include "client_fixture.h"
#include "fake_cluster.h"

namespace raglan::redis {
namespace {

using http::RawPeer;
using http::RawServer;
using testing::ElementsAre;
using testing::HasSubstr;

class RedisRedirects : public RedisTest {
 protected:
  FakeMap map_;
};

TEST_F(RedisRedirects, MovedIsFollowedAndHasTheMapReadAnew) {
  RawServer next(member(map_, [](const Words& words) { return bulk("next " + words[1]); }));
  RawServer first(member(map_, [&](const Words&) { return there("MOVED", next); }));
  map_.set({first.port()});
  connect(patient(cluster_url(first)));
  EXPECT_EQ(run(Command("GET", "one"))->string(), "next one");
  EXPECT_EQ(client().stats().redirected, 1u);
  map_.set({next.port()});
  EXPECT_TRUE(eventually([&] {
    EXPECT_EQ(run(Command("GET", "two"))->string(), "next two");
    return client().stats().topologies == 2;
  }));
  EXPECT_TRUE(eventually([&] {
    const auto redirected = client().stats().redirected;
    EXPECT_EQ(run(Command("GET", "three"))->string(), "next three");
    return client().stats().redirected == redirected;
  }));
  EXPECT_TRUE(eventually([&] { return client().stats().idle == 1; }))
      << "connections to the old server are closed";
}

TEST_F(RedisRedirects, AskIsFollowedBehindAskingForThatCommandAlone) {
  std::vector<std::string> heard;
  std::mutex mutex;
  RawServer importing(member(map_, [&](const Words& words) {
    const std::lock_guard lock(mutex);
    heard.push_back(words[0]);
    return words[0] == "ASKING" ? "+OK\r\n" : bulk("importing " + words[1]);
  }));
  RawServer first(member(map_, [&](const Words& words) {
    return words[1].starts_with("moved") ? there("ASK", importing) : bulk("first " + words[1]);
  }));
  map_.set({first.port()});
  connect(patient(cluster_url(first)));
  std::vector<Command> commands;
  for (const auto* key : {"a", "moved1", "b", "moved2"}) commands.emplace_back("GET", key);
  const auto replies = start(client().pipeline(std::move(commands), {})).get();
  ASSERT_TRUE(replies.has_value());
  std::vector<std::string> texts;
  for (const Reply& reply : *replies) texts.push_back(reply.text);
  EXPECT_THAT(texts, ElementsAre("first a", "importing moved1", "first b", "importing moved2"));
  const std::lock_guard lock(mutex);
  EXPECT_THAT(heard, ElementsAre("ASKING", "GET", "ASKING", "GET"));
}

TEST_F(RedisRedirects, TryAgainIsTriedAgain) {
  std::atomic<int> times = 0;
  RawServer server(member(map_, [&](const Words&) {
    return ++times < 3 ? std::string("-TRYAGAIN Multiple keys request\r\n") : bulk("there");
  }));
  map_.set({server.port()});
  connect(patient(cluster_url(server)));
  EXPECT_EQ(run(Command("GET", "key"))->string(), "there");
  EXPECT_EQ(times, 3);
}

TEST_F(RedisRedirects, ACommandIsNotSentToAndFroForEver) {
  std::atomic<int> times = 0;
  RawServer* self = nullptr;
  RawServer server(member(map_, [&](const Words&) {
    ++times;
    return there("MOVED", *self);
  }));
  self = &server;
  map_.set({server.port()});
  connect(patient(cluster_url(server)));
  const auto reply = run(Command("GET", "key"));
  ASSERT_EQ(code_of(reply), ErrorCode::kUpstream);
  EXPECT_THAT(reply.error().message, HasSubstr("elsewhere"));
  EXPECT_EQ(times, 6) << "five redirects";
  EXPECT_EQ(client().stats().breaker.state, policy::BreakerState::kClosed);
}

TEST_F(RedisRedirects, AServerThatIsInNoClusterIsSaidToBeNone) {
  RawServer server([](RawPeer& peer) {
    FakeConnection connection(peer);
    connection.log_in();
    connection.read_command();
    peer.send("-ERR This instance has cluster support disabled\r\n");
    peer.wait_for_close();
  });
  connect(patient(cluster_url(server)));
  const auto reply = run(Command("GET", "key"));
  ASSERT_EQ(code_of(reply), ErrorCode::kUnavailable);
  EXPECT_THAT(reply.error().message, HasSubstr("CLUSTER SLOTS was refused: ERR"));
  EXPECT_EQ(start(client().check({})).error(), ErrorCode::kUnavailable);
}

TEST_F(RedisRedirects, AClusterThatIsDownIsUnavailableAndAskedForItsMap) {
  RawServer server(member(
      map_, [](const Words&) { return std::string("-CLUSTERDOWN The cluster is down\r\n"); }));
  map_.set({server.port()});
  connect(patient(cluster_url(server)));
  EXPECT_EQ(code_of(run(Command("GET", "key"))), ErrorCode::kUnavailable);
  EXPECT_TRUE(eventually([&] { return client().stats().refreshes == 2; }));
  EXPECT_EQ(client().stats().topologies, 1u) << "it is the same";
}

TEST_F(RedisRedirects, AClusterThatWasDownIsServedByAsSoonAsItIsUp) {
  std::atomic<int> times = 0;
  RawServer server(member(map_, [&](const Words&) {
    return ++times <= 10 ? std::string("-CLUSTERDOWN The cluster is down\r\n") : bulk("up");
  }));
  map_.set({server.port()});
  connect(patient(cluster_url(server)));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(get("key"), "unavailable");
  EXPECT_EQ(get("key"), "up");
  EXPECT_EQ(client().stats().refused_by_breaker, 0u);
}

TEST_F(RedisRedirects, AServerIsNotBlamedForASlotThatIsNobodys) {
  std::atomic<bool> loading = true;
  const std::string nobodys = FakeMap::key_of(1, 2);
  RawServer server(member(map_, [&](const Words& words) {
    if (loading) return std::string("-LOADING Redis is loading the dataset in memory\r\n");
    return words[1] == nobodys ? std::string("-CLUSTERDOWN Hash slot not served\r\n") : bulk("own");
  }));
  map_.set({server.port(), 0});
  connect(patient(cluster_url(server)));
  const std::string own = FakeMap::key_of(0, 2);
  EXPECT_EQ(get(own), "unavailable");
  EXPECT_EQ(client().stats().breaker.consecutive_failures, 1u);
  loading = false;
  std::vector<Command> commands;
  for (const auto& key : {own, nobodys, own}) commands.emplace_back("GET", key);
  const auto replies = start(client().pipeline(std::move(commands), {})).get();
  ASSERT_TRUE(replies.has_value());
  EXPECT_EQ((*replies)[0].string(), "own");
  EXPECT_EQ((*replies)[1].error_word(), "CLUSTERDOWN");
  EXPECT_EQ((*replies)[2].string(), "own");
  EXPECT_EQ(client().stats().breaker.consecutive_failures, 0u) << "it did its own";
}

TEST_F(RedisRedirects, TheMapIsAskedForOncePerPauseHoweverMuchIsRedirected) {
  RawServer next(member(map_, [](const Words&) { return bulk("next"); }));
  RawServer first(member(map_, [&](const Words&) { return there("MOVED", next); }));
  map_.set({first.port()});
  connect(patient(cluster_url(first)));
  const auto began = SystemClock::instance().now();
  std::size_t asked = 0;
  while (client().stats().refreshes < 3) {
    for (int i = 0; i < 50; ++i) ASSERT_EQ(run(Command("GET", "key"))->string(), "next");
    ++asked;
  }
  EXPECT_GE(SystemClock::instance().now() - began, milliseconds(900)) << asked;
}

TEST_F(RedisRedirects, WhyOneOfSeveralServersDidNotAnswerIsKept) {
  RawServer well(member(map_, [](const Words&) { return bulk("there"); }));
  RawServer broken(member(map_, [](const Words&) { return std::string(); }));
  std::uint16_t away = 0;
  {
    RawServer gone([](RawPeer&) {});
    away = gone.port();
  }
  std::vector<std::uint16_t> ports{well.port(), broken.port(), away};
  map_.set(ports);
  connect(patient(cluster_url(well)));
  std::vector<Command> commands;
  for (std::size_t i = 0; i < 3; ++i) commands.emplace_back("GET", FakeMap::key_of(i, 3));
  const auto replies = start(client().pipeline(std::move(commands), {})).get();
  ASSERT_TRUE(replies.has_value());
  EXPECT_EQ((*replies)[0].string(), "there");
  EXPECT_EQ((*replies)[1].ours, ErrorCode::kUpstream) << "it may have been carried out";
  EXPECT_EQ((*replies)[2].ours, ErrorCode::kUnavailable);
  EXPECT_TRUE((*replies)[2].is_error());
  EXPECT_EQ((*replies)[2].error_word(), "");
  EXPECT_EQ(error_of((*replies)[1]).code, ErrorCode::kUpstream);
  EXPECT_THAT(error_of((*replies)[2]).message, HasSubstr("no connection to Redis"));
}

TEST_F(RedisRedirects, EachServersCommandsAreCountedAsTheyAreSentAndItsFailuresOfThem) {
  using Counters = telemetry::Family<telemetry::Counter, 1>;
  const auto make = [] { return std::make_unique<telemetry::Counter>(); };
  Counters commands({"server"}, 8, make);
  Counters failures({"server"}, 8, make);
  const auto of = [](Counters& counters, const RawServer& server) {
    return counters.with("127.0.0.1:" + std::to_string(server.port())).value();
  };
  std::atomic<bool> broken = false;
  RawServer importing(member(map_, [](const Words& words) {
    return words[0] == "ASKING" ? std::string("+OK\r\n") : bulk("moved");
  }));
  RawServer owner(member(map_, [&](const Words& words) {
    if (broken) return std::string();
    return words[1] == "moved" ? there("ASK", importing) : bulk("own");
  }));
  map_.set({owner.port()});
  auto config = patient(cluster_url(owner));
  config.breaker.failure_threshold = 1;
  connect(config, {.commands = &commands, .failures = &failures});
  const auto ask = [&] {
    std::vector<Command> gets;
    for (const auto* key : {"own", "moved", "moved"}) gets.emplace_back("GET", key);
    return start(client().pipeline(std::move(gets), {})).get().has_value();
  };
  EXPECT_TRUE(ask());
  EXPECT_EQ(of(commands, owner), 3u);
  EXPECT_EQ(of(commands, importing), 2u) << "ASKING is ours";
  broken = true;
  EXPECT_FALSE(ask());
  EXPECT_EQ(of(commands, owner), 6u);
  EXPECT_EQ(of(failures, owner), 3u);
  EXPECT_FALSE(ask());
  EXPECT_EQ(client().stats().refused_by_breaker, 1u);
  EXPECT_EQ(of(commands, owner), 6u) << "what the breaker refuses is not sent";
  EXPECT_EQ(of(failures, owner), 3u);
  EXPECT_EQ(of(failures, importing), 0u);
}

} // namespace
} // namespace raglan::redis
