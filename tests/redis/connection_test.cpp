// One connection of the pool by itself, for what depends on the order of events on its loop.
#include "redis/connection.h"

#include <future>

#include "client_fixture.h"
#include "fake_server.h"

namespace raglan::redis {
namespace {

using http::RawPeer;
using http::RawServer;

class RedisConnection : public RedisTest {
 protected:
  // One that is ready.
  std::shared_ptr<Connection> connect_to(const RawServer& server) {
    auto config = patient(redis_url(server));
    auto deployment = parse_deployment(config.url.reveal());
    auto shared = std::make_shared<ClientShared>(config, *deployment, ClientInstruments(), clock_);
    auto connection =
        std::make_shared<Connection>(shared, shared->make_server(deployment->server),
                                     loops_.executor(0), std::weak_ptr<ConnectionPool>());
    EXPECT_TRUE(shared->take_connection());
    loops_.post(0, [connection] { connection->start(); });
    EXPECT_TRUE(eventually([&] { return shared->counts.ready == 1; }));
    return connection;
  }
  RequestPtr echo(std::string_view text, Duration patience, net::Completion<Replies> done) {
    std::string wire;
    Command("ECHO", text).append_to(wire);
    const auto now = clock_.now();
    return std::make_shared<Request>(std::move(wire), 1, now, now + patience, std::move(done));
  }

  ManualClock clock_;
};

// A cancellation is posted to the loop, the pool's timer fires, and then the coroutine that was
// cancelled gives its request up.
TEST_F(RedisConnection, ARequestThatIsOverdueAndThenCancelledIsGivenUpOnce) {
  std::promise<void> answer;
  std::promise<bool> closed;
  RawServer server([&](RawPeer& peer) {
    FakeConnection connection(peer);
    connection.log_in();
    for (int i = 0; i < 3; ++i) connection.read_command();
    answer.get_future().wait();
    for (const auto* text : {"overdue", "second", "third"}) connection.send_string(text);
    closed.set_value(peer.wait_for_close());
  });
  const auto connection = connect_to(server);
  std::vector<RequestPtr> requests;
  const auto begin = [&](std::string_view text, Duration patience) {
    const auto send = [=, this, &requests](const net::Completion<Replies>& done) {
      requests.push_back(echo(text, patience, done));
      connection->send(requests.back());
    };
    return start(net::await_completion<Replies>(send));
  };
  auto overdue = begin("overdue", seconds(1));
  auto second = begin("second", seconds(100));
  auto third = begin("third", seconds(100));
  settle();
  loops_.post(0, [&] {
    clock_.advance(seconds(2));
    connection->expire(clock_.now());
    connection->abandon(*requests.front());
  });
  EXPECT_EQ(overdue.error(), ErrorCode::kDeadlineExceeded);
  answer.set_value();
  EXPECT_EQ(second.error(), std::nullopt);
  EXPECT_EQ(third.error(), std::nullopt) << "it was still waited for";
  EXPECT_TRUE(closed.get_future().get());
}

} // namespace
} // namespace raglan::redis
