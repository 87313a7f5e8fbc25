// The subscriber: messages, and the gaps that it must tell of.
#include "redis/subscriber.h"

#include "client_fixture.h"
#include "fake_server.h"
#include "real_server.h"

namespace raglan::redis {
namespace {

using http::RawPeer;
using http::RawServer;
using testing::ElementsAre;

SubscriberEvents events_of(Told& told) {
  SubscriberEvents events;
  events.on_subscribed = [&told] { told.add("subscribed"); };
  events.on_lost = [&told] { told.add("lost"); };
  events.on_message = [&told](std::string_view channel, std::string_view message) {
    told.add(std::string(channel) + "=" + std::string(message));
  };
  return events;
}

// Soon again, and nothing is given up because a machine is busy.
SubscriberConfig quick() {
  SubscriberConfig config;
  config.ping_interval = seconds(20);
  config.backoff = {milliseconds(1), milliseconds(20)};
  return config;
}

class RedisSubscriber : public RedisTest {
 protected:
  void publish(std::string_view channel, std::string_view message) {
    EXPECT_TRUE(run(Command("PUBLISH", channel, message)).has_value());
  }
};

TEST_F(RedisSubscriber, MessagesArriveInOrder) {
  RealServer server;
  connect(patient(server.url()));
  Told told;
  const Subscriber subscriber(client(), quick(), {"a", "b"}, events_of(told), loops_, 1);
  told.wait_for(1);
  publish("a", "1");
  publish("b", std::string("2\0\r\n", 4));
  publish("c", "3");
  publish("a", "4");
  EXPECT_THAT(told.wait_for(4),
              ElementsAre("subscribed", "a=1", std::string("b=2\0\r\n", 6), "a=4"));
  EXPECT_TRUE(subscriber.stats().subscribed);
  EXPECT_EQ(subscriber.stats().messages, 3u);
  EXPECT_EQ(client().stats().opened, 1u) << "its connection is not one of the pool's";
}

TEST_F(RedisSubscriber, ALostConnectionIsAGapThatIsToldAndMended) {
  RealServer server;
  connect(patient(server.url()));
  Told told;
  const Subscriber subscriber(client(), quick(), {"a"}, events_of(told), loops_, 0);
  told.wait_for(1);
  publish("a", "1");
  told.wait_for(2); // or it would die with the server
  server.kill();
  EXPECT_THAT(told.wait_for(3), ElementsAre("subscribed", "a=1", "lost"));
  EXPECT_FALSE(subscriber.stats().subscribed);
  server.start();
  told.wait_for(4);
  ASSERT_TRUE(eventually([&] { return run(Command("PUBLISH", "a", "2")).has_value(); }));
  EXPECT_THAT(told.wait_for(5), ElementsAre("subscribed", "a=1", "lost", "subscribed", "a=2"));
  EXPECT_EQ(subscriber.stats().losses, 1u);
}

TEST_F(RedisSubscriber, AServerThatComesLaterIsFound) {
  RealServer server;
  server.kill();
  connect(patient(server.url()));
  Told told;
  const Subscriber subscriber(client(), quick(), {"a"}, events_of(told), loops_, 0);
  server.start();
  EXPECT_THAT(told.wait_for(1), ElementsAre("subscribed"));
  EXPECT_EQ(subscriber.stats().losses, 0u);
}

TEST_F(RedisSubscriber, ASilentServerIsGivenUp) {
  RealServer server;
  connect(patient(server.url()));
  Told told;
  auto config = quick();
  config.ping_interval = milliseconds(200);
  const Subscriber subscriber(client(), config, {"a"}, events_of(told), loops_, 0);
  told.wait_for(1);
  server.freeze();
  const auto before = told.wait_for(2);
  EXPECT_EQ(before.back(), "lost");
  server.thaw();
  EXPECT_EQ(told.wait_for(before.size() + 1).back(), "subscribed");
}

TEST_F(RedisSubscriber, PingsKeepAQuietConnection) {
  std::promise<void> pinged;
  RawServer server([&](RawPeer& peer) {
    FakeConnection connection(peer);
    connection.log_in();
    connection.read_command(); // SUBSCRIBE
    peer.send("*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
    for (int pings = 0; connection.read_command() == std::vector<std::string>{"PING"}; ++pings) {
      if (pings == 3) pinged.set_value();
      peer.send("*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    }
  });
  connect(patient(redis_url(server)));
  Told told;
  auto config = quick();
  config.ping_interval = milliseconds(100);
  const Subscriber subscriber(client(), config, {"a"}, events_of(told), loops_, 0);
  pinged.get_future().wait();
  EXPECT_EQ(told.wait_for(1).front(), "subscribed");
}

TEST_F(RedisSubscriber, ANonsensicalReplyEndsTheConnection) {
  RawServer server([&](RawPeer& peer) {
    FakeConnection connection(peer);
    connection.log_in();
    connection.read_command();
    peer.send(peer.number == 0 ? "-NOPERM this user may not\r\n"
                               : "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
    peer.wait_for_close();
  });
  connect(patient(redis_url(server)));
  Told told;
  const Subscriber subscriber(client(), quick(), {"a"}, events_of(told), loops_, 0);
  EXPECT_THAT(told.wait_for(1), ElementsAre("subscribed"));
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(RedisSubscriber, OnceDestroyedItTellsNothing) {
  RealServer server;
  connect(patient(server.url()));
  for (int i = 0; i < 50; ++i) {
    auto told = std::make_unique<Told>();
    auto subscriber =
        std::make_unique<Subscriber>(client(), quick(), std::vector<std::string>{"a"},
                                     events_of(*told), loops_, static_cast<std::size_t>(i % 2));
    if (i % 5 != 0) told->wait_for(1);
    auto published = begin(Command("PUBLISH", "a", "x"));
    subscriber.reset();
    told.reset();
    EXPECT_TRUE(published.get().has_value());
  }
}

} // namespace
} // namespace raglan::redis
