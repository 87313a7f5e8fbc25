// The client against our own server.
#include "http/client.h"

#include "http/client_fixture_test.h"
#include "http/server_fixture_test.h"

namespace raglan::http {
namespace {

class ClientServerTest : public ServerTest {
 protected:
  ClientServerTest() { start(); }
  std::string url(std::string_view target) const {
    return "http://127.0.0.1:" + std::to_string(port()) + std::string(target);
  }
  ClientFixture fixture_;
};

TEST_F(ClientServerTest, GetsAnAnswer) {
  const auto response = fixture_.get(url("/hello"));
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "hello");
  EXPECT_EQ(response->headers.get("content-type"), "text/plain; charset=utf-8");
}

TEST_F(ClientServerTest, SendsABody) {
  const std::string body(1'000'000, 'b');
  const auto response = fixture_.send({.method = "POST", .url = url("/echo"), .body = body});
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(response->body, body);
}

TEST_F(ClientServerTest, SendsAnEmptyBody) {
  const auto response = fixture_.send({.method = "POST", .url = url("/echo")});
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "");
}

TEST_F(ClientServerTest, ReadsALargeBody) {
  const auto response = fixture_.send({.url = url("/large")}, within(seconds(50)));
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(response->body.size(), 32u * 1024 * 1024);
}

TEST_F(ClientServerTest, ReadsChunks) {
  const auto response = fixture_.get(url("/stream"));
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(response->body, "onetwelve bytes");
}

TEST_F(ClientServerTest, AnAnswerWithoutABodyEnds) {
  const auto response = fixture_.get(url("/empty"));
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(response->status, 204);
  const auto head = fixture_.send({.method = "HEAD", .url = url("/hello")});
  ASSERT_TRUE(head.has_value());
  EXPECT_EQ(head->body, "");
  EXPECT_EQ(head->headers.get("content-length"), "5");
}

TEST_F(ClientServerTest, EveryStatusIsAnAnswer) {
  const auto missing = fixture_.get(url("/missing"));
  ASSERT_TRUE(missing.has_value());
  EXPECT_EQ(missing->status, 404);
  const auto thrown = fixture_.get(url("/throw"));
  ASSERT_TRUE(thrown.has_value());
  EXPECT_EQ(thrown->status, 500);
}

TEST_F(ClientServerTest, OneConnectionServesOneRequestAfterTheOther) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(fixture_.get(url("/stream")).has_value());
  EXPECT_EQ(server_->connections(), 1u);
  const auto stats = fixture_.client().stats();
  EXPECT_EQ(stats.opened, 1u);
  EXPECT_EQ(stats.reused, 4u);
  EXPECT_EQ(stats.open, 1u);
  EXPECT_EQ(stats.idle, 1u);
}

TEST_F(ClientServerTest, HostNamesAreResolved) {
  const auto response = fixture_.get("http://LocalHost:" + std::to_string(port()) + "/hello");
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(response->body, "hello");
}

TEST_F(ClientServerTest, ACutStreamIsAnError) {
  const auto response = fixture_.get(url("/broken-stream"));
  EXPECT_EQ(code_of(response), ErrorCode::kUpstream);
  EXPECT_EQ(fixture_.client().stats().open, 0u);
}

net::Task<Result<std::string>> first_piece(Client& client, std::string url,
                                           std::function<void()> meanwhile) {
  auto stream = co_await client.open({.url = std::move(url)}, within(seconds(10)));
  if (!stream) co_return forward_error(stream);
  std::string pieces;
  while (true) {
    const auto piece = co_await stream->read();
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) break;
    pieces += std::string(*piece) + "|";
    if (meanwhile) std::exchange(meanwhile, nullptr)();
  }
  const auto again = co_await stream->read(); // the end stays the end
  co_return again && again->empty() ? pieces : "read on past the end";
}

TEST_F(ClientServerTest, AStreamIsReadAsItComes) {
  // The server is held until the client has seen the first piece.
  auto release_server = [this] {
    EXPECT_TRUE(wait_until_held());
    release();
  };
  Running<std::string> pieces(fixture_.loops(),
                              first_piece(fixture_.client(), url("/held-stream"), release_server));
  const auto seen = pieces.get();
  ASSERT_TRUE(seen.has_value()) << seen.error().message;
  EXPECT_EQ(*seen, "first|last|");
  EXPECT_EQ(fixture_.client().stats().idle, 1u);
}

net::Task<Result<std::string>> abandon(Client& client, std::string url) {
  auto stream = co_await client.open({.url = std::move(url)}, within(seconds(10)));
  if (!stream) co_return forward_error(stream);
  co_return std::string("opened");
}

TEST_F(ClientServerTest, AStreamThatIsDroppedClosesItsConnection) {
  Running<std::string> opened(fixture_.loops(), abandon(fixture_.client(), url("/endless")));
  EXPECT_EQ(opened.get(), "opened");
  EXPECT_TRUE(fixture_.eventually([this] { return server_->connections() == 0; }));
  EXPECT_EQ(fixture_.client().stats().open, 0u);
}

TEST_F(ClientServerTest, TheDeadlineEndsARequest) {
  const auto response = fixture_.send({.url = url("/hold")}, within(milliseconds(50)));
  EXPECT_EQ(code_of(response), ErrorCode::kDeadlineExceeded);
  // The connection is closed, which cancels the handler.
  EXPECT_TRUE(fixture_.eventually([this] { return handler_cancelled_.load(); }));
  EXPECT_EQ(fixture_.client().stats().open, 0u);
}

TEST_F(ClientServerTest, TheDeadlineEndsAStreamToo) {
  const auto response = fixture_.send({.url = url("/held-stream")}, within(milliseconds(50)));
  EXPECT_EQ(code_of(response), ErrorCode::kDeadlineExceeded);
}

TEST_F(ClientServerTest, ARequestWhoseDeadlineIsPastIsNotSent) {
  const auto response = fixture_.send({.url = url("/hello")}, Deadline(MonotonicTime::min()));
  EXPECT_EQ(code_of(response), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(fixture_.client().stats().opened, 0u);
}

TEST_F(ClientServerTest, CancellingARequestClosesItsConnection) {
  auto running = fixture_.start({.url = url("/hold")});
  ASSERT_TRUE(wait_until_held());
  running.cancel();
  EXPECT_EQ(code_of(running.get()), ErrorCode::kClientClosed);
  EXPECT_EQ(fixture_.client().stats().open, 0u);
  EXPECT_TRUE(fixture_.eventually([this] { return handler_cancelled_.load(); }));
}

TEST_F(ClientServerTest, AnIdleConnectionThatTheServerClosedIsNotUsed) {
  ASSERT_TRUE(fixture_.get(url("/hello")).has_value());
  EXPECT_TRUE(advance_until(seconds(5), [&] { return server_->connections() == 0; }));
  const auto posted = fixture_.send({.method = "POST", .url = url("/echo"), .body = "x"});
  ASSERT_TRUE(posted.has_value());
  EXPECT_EQ(posted->body, "x");
  EXPECT_EQ(fixture_.client().stats().stale, 1u);
}

TEST_F(ClientServerTest, ManyRequestsAtOnceOnBothLoops) {
  std::vector<Running<ClientResponse>> running;
  for (std::size_t i = 0; i < 200; ++i) {
    ClientRequest request{.method = "POST", .url = url("/echo"), .body = std::to_string(i)};
    running.push_back(fixture_.start(std::move(request), within(seconds(20)), i % 2));
  }
  for (std::size_t i = 0; i < running.size(); ++i) {
    const auto response = running[i].get();
    ASSERT_TRUE(response.has_value()) << response.error().message;
    EXPECT_EQ(response->body, std::to_string(i));
  }
  const auto stats = fixture_.client().stats();
  EXPECT_LE(stats.opened, 64u);
  EXPECT_EQ(stats.waiting, 0u);
  EXPECT_EQ(stats.open, stats.idle);
}

} // namespace
} // namespace raglan::http
