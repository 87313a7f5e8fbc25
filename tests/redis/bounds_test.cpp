// What is bounded: connections over all loops, waiting commands, replies.
#include <condition_variable>
#include <mutex>

#include "client_fixture.h"
#include "fake_server.h"

namespace raglan::redis {
namespace {

using http::RawPeer;
using http::RawServer;

// Every connection answers ECHO, but not before the gate is opened.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  RawServer::Script script() {
    return [this](RawPeer& peer) {
      FakeConnection connection(peer);
      connection.log_in();
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, seconds(20), [this] { return open_; });
      lock.unlock();
      connection.echo();
    };
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

TEST_F(RedisTest, ConnectionsAreBoundedOverAllLoops) {
  Gate gate;
  RawServer server(gate.script());
  auto config = patient(redis_url(server));
  config.max_connections = 3;
  config.max_pipelined = 2;
  connect(config);
  std::vector<net::Running<Reply>> running;
  for (std::size_t i = 0; i < 20; ++i) {
    running.push_back(begin(Command("ECHO", std::to_string(i)), i % 2));
  }
  ASSERT_TRUE(eventually(
      [&] { return client().stats().in_use == 3 && client().stats().waiting == 20 - 3 * 2; }));
  gate.open();
  for (std::size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(running[i].get()->string(), std::to_string(i));
  }
  EXPECT_EQ(server.connections(), 3);
  EXPECT_EQ(client().stats().waiting, 0u);
  EXPECT_GE(client().stats().waits, 14u);
}

TEST_F(RedisTest, OneConnectionServesEveryLoop) {
  Gate gate;
  gate.open();
  RawServer server(gate.script());
  auto config = patient(redis_url(server));
  config.max_connections = 1;
  connect(config);
  std::vector<net::Running<Reply>> running;
  for (std::size_t i = 0; i < 500; ++i) {
    running.push_back(begin(Command("ECHO", std::to_string(i)), i % 2));
  }
  for (std::size_t i = 0; i < 500; ++i) {
    EXPECT_EQ(running[i].get()->string(), std::to_string(i));
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(RedisTest, WaitingCommandsAreBounded) {
  Gate gate;
  RawServer server(gate.script());
  auto config = patient(redis_url(server));
  config.max_connections = 1;
  config.max_pipelined = 1;
  config.max_waiting = 2;
  connect(config);
  auto first = begin(Command("ECHO", "1"));
  ASSERT_TRUE(eventually([&] { return client().stats().in_use == 1; }));
  auto second = begin(Command("ECHO", "2"));
  auto third = begin(Command("ECHO", "3"));
  ASSERT_TRUE(eventually([&] { return client().stats().waiting == 2; }));
  EXPECT_EQ(code_of(run(Command("ECHO", "4"))), ErrorCode::kOverloaded);
  EXPECT_EQ(client().stats().overloaded, 1u);
  gate.open();
  EXPECT_EQ(third.get()->string(), "3");
}

TEST_F(RedisTest, TheWaitForAConnectionIsObserved) {
  Gate gate;
  gate.open();
  RawServer server(gate.script());
  telemetry::Histogram wait_seconds;
  auto created =
      Client::create(patient(redis_url(server)), loops_, {.wait_seconds = &wait_seconds});
  client_ = std::move(*created);
  run(Command("ECHO", "1"));
  run(Command("ECHO", "2"));
  EXPECT_EQ(wait_seconds.snapshot().count(), 2u);
  EXPECT_EQ(client().stats().waits, 1u) << "the first waited for the connection to be made";
}

TEST_F(RedisTest, AReplyThatIsTooLargeClosesTheConnection) {
  Gate gate;
  gate.open();
  RawServer server(gate.script());
  auto config = patient(redis_url(server));
  config.max_reply_bytes = 2'000;
  connect(config);
  EXPECT_EQ(code_of(run(Command("ECHO", std::string(2'001, 'x')))), ErrorCode::kUpstream);
  EXPECT_EQ(run(Command("ECHO", std::string(2'000, 'x')))->text.size(), 2'000u);
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(RedisTest, DestroyingTheClientEndsWhatIsUnderWay) {
  Gate gate;
  RawServer server(gate.script());
  auto config = patient(redis_url(server));
  config.max_pipelined = 1;
  config.max_connections = 2;
  connect(config);
  std::vector<net::Running<Reply>> running;
  for (std::size_t i = 0; i < 6; ++i) running.push_back(begin(Command("ECHO", "x"), i % 2));
  // All of them have begun: none may begin on a client that is gone.
  ASSERT_TRUE(
      eventually([&] { return client().stats().in_use == 2 && client().stats().waiting == 4; }));
  client_.reset();
  for (auto& command : running) EXPECT_EQ(command.error(), ErrorCode::kUnavailable);
  gate.open();
}

TEST_F(RedisTest, TheLoopsMayStopFirst) {
  Gate gate;
  RawServer server(gate.script());
  connect(patient(redis_url(server)));
  auto first = begin(Command("ECHO", "x"), 0);
  auto second = begin(Command("ECHO", "x"), 1);
  ASSERT_TRUE(eventually([&] { return client().stats().in_use == 2; }));
  loops_.stop();
  client_.reset();
  gate.open();
}

} // namespace
} // namespace raglan::redis
