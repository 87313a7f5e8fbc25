// Commands that are given up half-way: their replies reach nobody, their connections are closed.
#include <future>

#include "client_fixture.h"
#include "fake_server.h"

namespace raglan::redis {
namespace {

using http::RawPeer;
using http::RawServer;

// Takes one command and never answers it. Connections after the first echo.
class SilentServer {
 public:
  std::string url() const { return redis_url(server_); }
  int connections() const { return server_.connections(); }
  void await_command() { asked_.get_future().wait(); }
  // Waits until the client has closed the first connection.
  bool closed() { return closed_.get_future().get(); }

 private:
  void serve(RawPeer& peer) {
    FakeConnection connection(peer);
    connection.log_in();
    if (peer.number > 0) return connection.echo();
    connection.read_command();
    asked_.set_value();
    closed_.set_value(peer.wait_for_close());
  }

  std::promise<void> asked_;
  std::promise<bool> closed_;
  RawServer server_{[this](RawPeer& peer) { serve(peer); }}; // ends before the promises
};

TEST_F(RedisTest, ALateReplyIsNeverTheNextCommands) {
  SilentServer silent;
  auto config = patient(silent.url());
  config.timeout = milliseconds(300);
  connect(config);
  auto slow = begin(Command("ECHO", "slow"));
  silent.await_command();
  EXPECT_EQ(slow.error(), ErrorCode::kDeadlineExceeded);
  EXPECT_TRUE(silent.closed());
  EXPECT_EQ(run(Command("ECHO", "next"))->string(), "next");
  EXPECT_EQ(silent.connections(), 2);
  EXPECT_EQ(client().stats().timeouts, 1u);
}

TEST_F(RedisTest, ACancelledCommandTakesItsConnectionWithIt) {
  SilentServer silent;
  connect(patient(silent.url()));
  auto cut_off = begin(Command("ECHO", "cut off"));
  silent.await_command();
  cut_off.cancel();
  EXPECT_EQ(cut_off.error(), ErrorCode::kClientClosed);
  EXPECT_TRUE(silent.closed());
  EXPECT_EQ(run(Command("ECHO", "next"))->string(), "next");
  EXPECT_EQ(client().stats().cancelled, 1u);
  EXPECT_EQ(client().stats().breaker.consecutive_failures, 0u);
}

TEST_F(RedisTest, WhoSharesTheConnectionOfACancelledCommandIsAnswered) {
  std::promise<void> asked;
  std::promise<void> answer;
  std::promise<bool> closed;
  RawServer server([&](RawPeer& peer) {
    FakeConnection connection(peer);
    connection.log_in();
    if (peer.number > 0) return connection.echo();
    for (int i = 0; i < 3; ++i) connection.read_command();
    asked.set_value();
    answer.get_future().wait();
    for (const auto* text : {"first", "second", "third"}) connection.send_string(text);
    closed.set_value(peer.wait_for_close());
  });
  connect(patient(redis_url(server)));
  auto first = begin(Command("ECHO", "first"));
  auto second = begin(Command("ECHO", "second"));
  auto third = begin(Command("ECHO", "third"));
  asked.get_future().wait();
  second.cancel();
  EXPECT_EQ(second.error(), ErrorCode::kClientClosed);
  EXPECT_EQ(run(Command("ECHO", "next"))->string(), "next") << "on a connection of its own";
  answer.set_value();
  EXPECT_EQ(first.get()->string(), "first");
  EXPECT_EQ(third.get()->string(), "third");
  EXPECT_TRUE(closed.get_future().get());
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(RedisTest, ACommandThatIsCancelledWhileItWaitsDisturbsNobody) {
  std::promise<void> asked;
  std::promise<void> answer;
  RawServer server([&](RawPeer& peer) {
    FakeConnection connection(peer);
    connection.log_in();
    connection.read_command();
    asked.set_value();
    answer.get_future().wait();
    connection.send_string("first");
    connection.echo();
  });
  auto config = patient(redis_url(server));
  config.max_connections = 1;
  config.max_pipelined = 1;
  connect(config);
  auto first = begin(Command("ECHO", "first"));
  asked.get_future().wait();
  auto waiting = begin(Command("ECHO", "waiting"));
  auto last = begin(Command("ECHO", "last"));
  ASSERT_TRUE(eventually([&] { return client().stats().waiting == 2; }));
  waiting.cancel();
  EXPECT_EQ(waiting.error(), ErrorCode::kClientClosed);
  answer.set_value();
  EXPECT_EQ(first.get()->string(), "first");
  EXPECT_EQ(last.get()->string(), "last");
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(client().stats().waiting, 0u);
}

TEST_F(RedisTest, ACancelFromALoopWithoutAPoolReachesTheOthers) {
  SilentServer silent;
  auto config = patient(silent.url());
  config.max_connections = 1;
  connect(config);
  auto cut_off = begin(Command("ECHO", "cut off"), 1);
  silent.await_command();
  cut_off.cancel();
  EXPECT_EQ(cut_off.error(), ErrorCode::kClientClosed);
  EXPECT_TRUE(silent.closed());
  EXPECT_EQ(run(Command("ECHO", "next"), 1)->string(), "next");
}

TEST_F(RedisTest, ACallersOwnDeadlineEndsTheWaitAndSaysNothingOfRedis) {
  RawServer server([&](RawPeer& peer) {
    FakeConnection connection(peer);
    connection.log_in();
    peer.wait_for_close();
  });
  connect(patient(redis_url(server)));
  for (int i = 0; i < 10; ++i) {
    const auto reply = run(Command("ECHO", "x"), 0, within(milliseconds(5)));
    EXPECT_EQ(code_of(reply), ErrorCode::kDeadlineExceeded);
  }
  EXPECT_EQ(client().stats().breaker.state, policy::BreakerState::kClosed);
  EXPECT_EQ(code_of(run(Command("ECHO", "x"), 0, within(milliseconds(-1)))),
            ErrorCode::kDeadlineExceeded);
}

} // namespace
} // namespace raglan::redis
