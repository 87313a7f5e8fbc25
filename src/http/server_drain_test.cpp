#include <future>

#include "http/server_fixture_test.h"

namespace raglan::http {
namespace {

class ServerDrainTest : public ServerTest {
 protected:
  std::future<bool> drain_in_background(Deadline deadline = {}) {
    return std::async(std::launch::async, [this, deadline] { return server_->drain(deadline); });
  }
  bool refuses_connections() { return !RawClient(port_before_).connected(); }
  std::uint16_t port_before_ = 0;
};

TEST_F(ServerDrainTest, WithoutConnectionsIsOverAtOnce) {
  start();
  EXPECT_TRUE(server_->drain(Deadline()));
}

TEST_F(ServerDrainTest, ClosesIdleConnections) {
  start();
  RawClient client(port());
  client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  client.read_response();
  EXPECT_TRUE(server_->drain(Deadline()));
  EXPECT_TRUE(client.at_end());
}

TEST_F(ServerDrainTest, AnswersWhatIsInFlight) {
  start();
  port_before_ = port();
  RawClient client(port());
  client.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(wait_until_held());
  auto drained = drain_in_background();
  while (!refuses_connections()) std::this_thread::yield();
  EXPECT_EQ(drained.wait_for(milliseconds(20)), std::future_status::timeout);
  release();
  const auto response = client.read_to_end();
  EXPECT_THAT(response, HasSubstr("\r\nconnection: close\r\n"));
  EXPECT_THAT(response, EndsWith("held"));
  EXPECT_TRUE(drained.get());
}

TEST_F(ServerDrainTest, LetsStreamsRunToTheirLastByte) {
  start();
  port_before_ = port();
  RawClient client(port());
  client.send("GET /held-stream HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(wait_until_held());
  auto drained = drain_in_background();
  while (!refuses_connections()) std::this_thread::yield();
  EXPECT_EQ(drained.wait_for(milliseconds(20)), std::future_status::timeout);
  release();
  EXPECT_THAT(client.read_to_end(), EndsWith("\r\n\r\n5\r\nfirst\r\n4\r\nlast\r\n0\r\n\r\n"));
  EXPECT_TRUE(drained.get());
}

TEST_F(ServerDrainTest, CancelsWhatIsLeftAtTheDeadline) {
  start();
  RawClient client(port());
  client.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(wait_until_held());
  auto drained = drain_in_background(Deadline::after(seconds(30), clock_.now()));
  clock_.advance(seconds(29));
  EXPECT_EQ(drained.wait_for(milliseconds(20)), std::future_status::timeout);
  clock_.advance(seconds(1));
  EXPECT_FALSE(drained.get());
  EXPECT_TRUE(wait_for_completion());
  EXPECT_TRUE(handler_cancelled_);
  EXPECT_TRUE(client.at_end());
}

TEST_F(ServerDrainTest, AServerMayBeDestroyedWithRequestsInFlight) {
  start();
  RawClient client(port());
  client.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(wait_until_held());
  server_.reset();
  EXPECT_TRUE(handler_cancelled_);
}

TEST_F(ServerDrainTest, LoopsMayStopBeforeTheServerIsDestroyed) {
  start();
  RawClient client(port());
  client.send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
  client.read_bytes(1000);
  loops_->stop();
  server_.reset();
  loops_.reset();
  EXPECT_TRUE(true); // the sanitizers are the judges
}

TEST_F(ServerDrainTest, AnInheritedDescriptorKeepsThePort) {
  start();
  auto second = net::Listener::open({.host = "127.0.0.1", .port = 0});
  ASSERT_TRUE(second.has_value());
  auto copy = second->duplicate();
  ASSERT_TRUE(copy.has_value());
  auto inherited = net::Listener::open({.inherited_fd = copy->release()});
  ASSERT_TRUE(inherited.has_value());
  EXPECT_EQ(inherited->port(), second->port());
  EXPECT_TRUE(inherited->is_loopback());
}

} // namespace
} // namespace raglan::http
