// The client's pools: bounds, order, idle connections, and what ends when.
#include "http/blocking_client.h"
#include "http/client_fixture_test.h"

namespace raglan::http {
namespace {

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

// Answers when told to, and remembers the order in which requests came.
class GatedServer {
 public:
  ~GatedServer() { open_gate(1000); }
  std::string url(std::string_view target) const { return server_.url(target); }
  void open_gate(int requests) {
    {
      const std::lock_guard lock(mutex_);
      passes_ += requests;
    }
    passed_.notify_all();
  }
  std::vector<std::string> seen() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  int connections() const { return server_.connections(); }

 private:
  void serve(RawPeer& peer) {
    while (true) {
      const auto request = peer.read_request();
      if (request.empty()) return;
      std::unique_lock lock(mutex_);
      seen_.push_back(request.substr(4, request.find(' ', 4) - 4));
      passed_.wait(lock, [&] { return passes_ > 0; });
      --passes_;
      lock.unlock();
      peer.send(kOk);
    }
  }

  std::mutex mutex_;
  std::condition_variable passed_;
  int passes_ = 0;
  std::vector<std::string> seen_;
  RawServer server_{[this](RawPeer& peer) { serve(peer); }};
};

// One loop, one connection.
class ClientPool : public testing::Test {
 protected:
  static ClientConfig narrow() {
    ClientConfig config;
    config.max_connections_per_host = 1;
    config.max_waiting_per_host = 2;
    return config;
  }
  bool reached(std::size_t requests) {
    return fixture_.eventually([&] { return server_.seen().size() == requests; });
  }
  bool waiting(std::size_t requests) {
    return fixture_.eventually([&] { return fixture_.client().stats().waiting == requests; });
  }
  Running<ClientResponse> start(std::string_view target, Deadline deadline = within(seconds(10))) {
    return fixture_.start({.url = server_.url(target)}, deadline);
  }

  GatedServer server_;
  ClientFixture fixture_{narrow(), 1};
};

TEST_F(ClientPool, RequestsWaitForAConnectionInOrder) {
  auto first = start("/1");
  ASSERT_TRUE(reached(1));
  auto second = start("/2");
  ASSERT_TRUE(waiting(1));
  auto third = start("/3");
  ASSERT_TRUE(waiting(2));
  server_.open_gate(3);
  for (auto* running : {&first, &second, &third}) EXPECT_TRUE(running->get().has_value());
  EXPECT_EQ(server_.seen(), (std::vector<std::string>{"/1", "/2", "/3"}));
  EXPECT_EQ(server_.connections(), 1);
  const auto stats = fixture_.client().stats();
  EXPECT_EQ(stats.waits, 2u);
  EXPECT_EQ(stats.open, 1u);
  EXPECT_EQ(stats.idle, 1u);
}

TEST_F(ClientPool, OneTooManyIsRefused) {
  auto first = start("/1");
  auto second = start("/2");
  auto third = start("/3");
  ASSERT_TRUE(waiting(2));
  EXPECT_EQ(code_of(start("/4").get()), ErrorCode::kOverloaded);
  EXPECT_EQ(fixture_.client().stats().overloaded, 1u);
  server_.open_gate(3);
  for (auto* running : {&first, &second, &third}) EXPECT_TRUE(running->get().has_value());
}

TEST_F(ClientPool, AnotherHostIsNotHeldUp) {
  GatedServer other;
  other.open_gate(1);
  auto first = start("/1");
  ASSERT_TRUE(reached(1));
  EXPECT_TRUE(fixture_.get(other.url("/")).has_value());
  server_.open_gate(1);
  EXPECT_TRUE(first.get().has_value());
}

TEST_F(ClientPool, TheDeadlineEndsAWait) {
  auto first = start("/1");
  ASSERT_TRUE(reached(1));
  EXPECT_EQ(code_of(start("/2", within(milliseconds(30))).get()), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(fixture_.client().stats().waiting, 0u);
  server_.open_gate(1);
  EXPECT_TRUE(first.get().has_value());
  EXPECT_EQ(server_.seen().size(), 1u);
}

TEST_F(ClientPool, ACancelledWaitLeavesTheQueue) {
  auto first = start("/1");
  ASSERT_TRUE(reached(1));
  auto second = start("/2");
  ASSERT_TRUE(waiting(1));
  auto third = start("/3");
  ASSERT_TRUE(waiting(2));
  second.cancel();
  EXPECT_EQ(code_of(second.get()), ErrorCode::kClientClosed);
  server_.open_gate(2);
  EXPECT_TRUE(third.get().has_value());
  EXPECT_EQ(server_.seen(), (std::vector<std::string>{"/1", "/3"}));
}

TEST_F(ClientPool, ACancelledRequestsPlaceGoesToWhoeverWaits) {
  auto first = start("/1");
  ASSERT_TRUE(reached(1));
  auto second = start("/2");
  ASSERT_TRUE(waiting(1));
  first.cancel();
  EXPECT_EQ(code_of(first.get()), ErrorCode::kClientClosed);
  ASSERT_TRUE(reached(2));
  EXPECT_EQ(server_.connections(), 2) << "a cancelled request's connection must not be used again";
  server_.open_gate(2);
  EXPECT_TRUE(second.get().has_value());
}

TEST_F(ClientPool, DestroyingTheClientEndsWhatIsUnderWay) {
  auto first = start("/1");
  ASSERT_TRUE(reached(1));
  auto second = start("/2");
  ASSERT_TRUE(waiting(1));
  fixture_.destroy_client();
  EXPECT_EQ(code_of(first.get()), ErrorCode::kUnavailable);
  EXPECT_EQ(code_of(second.get()), ErrorCode::kUnavailable);
}

// Coroutines that never end are destroyed with their loops, in any state.
TEST(ClientLifetime, LoopsMayStopWithRequestsUnderWay) {
  GatedServer server;
  net::EventLoops loops({.threads = 1});
  loops.start();
  ClientConfig config;
  config.max_connections_per_host = 1;
  std::optional<Client> client(std::in_place, config, loops);
  {
    Running<ClientResponse> first(loops, client->send({.url = server.url("/1")}, Deadline()));
    Running<ClientResponse> second(loops, client->send({.url = server.url("/2")}, Deadline()));
    while (client->stats().waiting == 0 || server.seen().empty()) std::this_thread::yield();
    loops.stop();
    client.reset();
  }
}

TEST(ClientLifetime, IdleConnectionsAreClosedAfterAWhile) {
  std::atomic<bool> closed = false;
  RawServer server([&](RawPeer& peer) {
    peer.read_request();
    peer.send(kOk);
    closed = peer.wait_for_close();
  });
  ClientConfig config;
  config.idle_timeout = milliseconds(20);
  ClientFixture fixture(config, 1);
  ASSERT_TRUE(fixture.get(server.url()).has_value());
  EXPECT_TRUE(fixture.eventually([&] { return closed.load(); }));
  EXPECT_EQ(fixture.client().stats().open, 0u);
  EXPECT_EQ(fixture.client().stats().idle, 0u);
}

TEST(ClientLifetime, NoMoreConnectionsStayIdleThanAllowed) {
  GatedServer server;
  ClientConfig config;
  config.max_idle_connections = 1;
  ClientFixture fixture(config, 1);
  auto first = fixture.start({.url = server.url("/1")});
  auto second = fixture.start({.url = server.url("/2")});
  ASSERT_TRUE(fixture.eventually([&] { return server.seen().size() == 2; }));
  EXPECT_EQ(fixture.client().stats().open, 2u);
  server.open_gate(2);
  EXPECT_TRUE(first.get().has_value());
  EXPECT_TRUE(second.get().has_value());
  EXPECT_EQ(fixture.client().stats().open, 1u);
  EXPECT_EQ(fixture.client().stats().idle, 1u);
}

TEST(ClientLifetime, OnlyItsOwnLoopsMayUseAClient) {
  ClientFixture fixture;
  net::EventLoops others({.threads = 1});
  others.start();
  ClientRequest request{.url = "http://127.0.0.1:1/"};
  Running<ClientResponse> running(others, fixture.client().send(request, Deadline()));
  EXPECT_EQ(code_of(running.get()), ErrorCode::kInternal);
  others.stop();
}

TEST(BlockingClient, SendsAndReuses) {
  RawServer server([](RawPeer& peer) {
    while (!peer.read_request().empty()) peer.send(kOk);
  });
  BlockingClient client;
  for (int i = 0; i < 3; ++i) {
    const auto response = client.send({.url = server.url()}, seconds(10));
    ASSERT_TRUE(response.has_value());
    EXPECT_EQ(response->body, "ok");
  }
  EXPECT_EQ(client.stats().opened, 1u);
}

TEST(BlockingClient, StreamsWhatIsWanted) {
  RawServer server([](RawPeer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n");
    peer.send("0\r\n\r\n");
    peer.read_request();
    peer.send("HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\ngone");
  });
  BlockingClient client;
  std::string streamed;
  const auto take = [&](std::string_view piece) {
    streamed += piece;
    return true;
  };
  const auto found = client.stream({.url = server.url()}, seconds(10), take);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(streamed, "onetwo");
  EXPECT_EQ(found->body, "");
  const auto missing = client.stream({.url = server.url()}, seconds(10), take);
  ASSERT_TRUE(missing.has_value());
  EXPECT_EQ(missing->status, 404);
  EXPECT_EQ(missing->body, "gone");
  EXPECT_EQ(streamed, "onetwo");
}

TEST(BlockingClient, AReaderCanHaveEnough) {
  std::atomic<bool> closed = false;
  RawServer server([&](RawPeer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\n\r\nfirst");
    closed = peer.wait_for_close();
  });
  BlockingClient client;
  const auto ended =
      client.stream({.url = server.url()}, seconds(10), [](std::string_view) { return false; });
  EXPECT_EQ(code_of(ended), ErrorCode::kClientClosed);
  while (!closed) std::this_thread::yield();
}

TEST(BlockingClient, AnInterruptionEndsWhatIsUnderWayAndRefusesTheRest) {
  std::promise<void> asked;
  RawServer server([&](RawPeer& peer) {
    peer.read_request();
    asked.set_value();
    peer.wait_for_close();
  });
  BlockingClient client;
  auto hanging = std::async(std::launch::async,
                            [&] { return client.send({.url = server.url()}, seconds(10)); });
  asked.get_future().wait();
  client.interrupt();
  EXPECT_EQ(code_of(hanging.get()), ErrorCode::kClientClosed);
  EXPECT_EQ(code_of(client.send({.url = server.url()}, seconds(10))), ErrorCode::kClientClosed);
  EXPECT_EQ(server.connections(), 1);
}

} // namespace
} // namespace raglan::http
