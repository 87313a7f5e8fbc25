// The client against servers that misbehave, and with requests that cannot be sent.
#include "http/client.h"
#include "http/client_fixture_test.h"

namespace raglan::http {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

// Serves every request of the connection with the same bytes.
RawServer::Script always(std::string_view answer) {
  return [answer](RawPeer& peer) {
    while (!peer.read_request().empty()) peer.send(answer);
  };
}

// Reads one request, answers, closes.
RawServer::Script once(std::string_view answer) {
  return [answer](RawPeer& peer) {
    peer.read_request();
    peer.send(answer);
  };
}

TEST(ClientFaults, ARefusedConnectionIsUnavailable) {
  ClientFixture fixture;
  std::string url;
  {
    RawServer server([](RawPeer&) {});
    url = server.url();
  }
  const auto response = fixture.get(url);
  ASSERT_EQ(code_of(response), ErrorCode::kUnavailable);
  EXPECT_THAT(response.error().message, HasSubstr("Connection refused"));
  EXPECT_EQ(fixture.client().stats().open, 0u);
}

TEST(ClientFaults, AnUnknownNameIsUnavailable) {
  ClientFixture fixture;
  const auto response = fixture.send({.url = "http://bad..name.invalid/"}, within(seconds(15)));
  ASSERT_EQ(code_of(response), ErrorCode::kUnavailable);
  EXPECT_THAT(response.error().message, HasSubstr("bad..name.invalid"));
}

TEST(ClientFaults, ARequestThatCannotBeSentIsMalformed) {
  ClientFixture fixture;
  RawServer server(always(kOk));
  EXPECT_EQ(code_of(fixture.get("ftp://127.0.0.1/")), ErrorCode::kMalformedRequest);
  EXPECT_EQ(code_of(fixture.get(server.url("/a b"))), ErrorCode::kMalformedRequest);
  EXPECT_EQ(code_of(fixture.get(server.url("/\xc3\xa9"))), ErrorCode::kMalformedRequest);
  EXPECT_EQ(code_of(fixture.send({.method = "GET /", .url = server.url()})),
            ErrorCode::kMalformedRequest);
  const ClientRequest injected{.url = server.url(), .headers = {{"x", "a\r\nhost: b"}}};
  EXPECT_EQ(code_of(fixture.send(injected)), ErrorCode::kMalformedRequest);
  const ClientRequest bad_name{.url = server.url(), .headers = {{"x y", "a"}}};
  EXPECT_EQ(code_of(fixture.send(bad_name)), ErrorCode::kMalformedRequest);
  EXPECT_EQ(server.connections(), 0);
}

TEST(ClientFaults, TheRequestIsFramedByTheClientAlone) {
  ClientFixture fixture;
  std::promise<std::string> seen;
  RawServer server([&](RawPeer& peer) {
    seen.set_value(peer.read_request());
    peer.send(kOk);
  });
  ClientRequest request{.method = "POST", .url = server.url("/a?b=c"), .body = "body"};
  request.headers = {{"Content-Length", "99"}, {"Transfer-Encoding", "chunked"},
                     {"Connection", "close"},  {"Expect", "100-continue"},
                     {"X-Kept", "1"},          {"Host", "other.example"}};
  ASSERT_TRUE(fixture.send(request).has_value());
  EXPECT_EQ(seen.get_future().get(),
            "POST /a?b=c HTTP/1.1\r\nhost: other.example\r\nX-Kept: 1\r\ncontent-length: 4\r\n\r\n"
            "body");
}

TEST(ClientFaults, WhatIsNotHttpIsAnUpstreamError) {
  ClientFixture fixture;
  for (const std::string_view answer :
       {"SSH-2.0-OpenSSH_9.2\r\n", "\r\n\r\n", "HTTP/1.1 200 OK\nfoo: bar\n\n",
        "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"}) {
    RawServer server(once(answer));
    const auto response = fixture.get(server.url());
    ASSERT_EQ(code_of(response), ErrorCode::kUpstream) << answer;
    EXPECT_THAT(response.error().message, Not(HasSubstr("SSH"))); // no upstream's text
    EXPECT_EQ(fixture.client().stats().open, 0u);
  }
}

TEST(ClientFaults, AnAnswerCutShortIsAnUpstreamError) {
  ClientFixture fixture;
  for (const std::string_view answer :
       {"HTTP/1.1 200 OK\r\ncontent-le", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n1234",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n"}) {
    RawServer server(once(answer));
    EXPECT_EQ(code_of(fixture.get(server.url())), ErrorCode::kUpstream) << answer;
    EXPECT_EQ(server.connections(), 1) << "part of an answer forbids a second attempt";
  }
}

TEST(ClientFaults, ANewConnectionThatBreaksIsNotTriedAgain) {
  ClientFixture fixture;
  RawServer server([](RawPeer& peer) {
    peer.read_request();
    peer.reset();
  });
  EXPECT_EQ(code_of(fixture.get(server.url())), ErrorCode::kUpstream);
  EXPECT_EQ(server.connections(), 1);
}

TEST(ClientFaults, TheEndOfTheConnectionCanEndABody) {
  ClientFixture fixture;
  RawServer server(once("HTTP/1.1 200 OK\r\n\r\nuntil the end"));
  const auto response = fixture.get(server.url());
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(response->body, "until the end");
  EXPECT_EQ(fixture.client().stats().open, 0u);
}

TEST(ClientFaults, AResetDoesNotEndABody) {
  ClientFixture fixture;
  RawServer resetting([](RawPeer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\n\r\nsome");
    peer.reset();
  });
  EXPECT_EQ(code_of(fixture.get(resetting.url())), ErrorCode::kUpstream);
}

TEST(ClientFaults, LimitsHold) {
  ClientConfig config;
  config.limits.max_header_bytes = 1000;
  config.limits.max_body_bytes = 10;
  ClientFixture fixture(config);
  const std::string long_head = "HTTP/1.1 200 OK\r\nx: " + std::string(1000, 'a') + "\r\n\r\n";
  RawServer heads(once(long_head));
  EXPECT_EQ(code_of(fixture.get(heads.url())), ErrorCode::kUpstream);
  RawServer bodies(once("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n12345678901"));
  EXPECT_EQ(code_of(fixture.get(bodies.url())), ErrorCode::kUpstream);
  const auto allowed = fixture.send({.url = bodies.url(), .max_body_bytes = 11});
  ASSERT_TRUE(allowed.has_value());
  EXPECT_EQ(allowed->body, "12345678901");
}

TEST(ClientFaults, ARefusalIsReadAlthoughTheBodyWasNotTaken) {
  ClientFixture fixture;
  RawServer server([](RawPeer& peer) {
    peer.send("HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n");
    ::shutdown(peer.fd(), SHUT_WR);
    peer.wait_for_close();
  });
  const auto response =
      fixture.send({.method = "POST", .url = server.url(), .body = std::string(1'000'000, 'x')});
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(response->status, 413);
}

TEST(ClientFaults, AServerThatNeverAnswersTimesOut) {
  ClientConfig config;
  config.answer_timeout = milliseconds(30);
  ClientFixture fixture(config);
  std::atomic<bool> closed = false;
  RawServer server([&](RawPeer& peer) { closed = peer.wait_for_close(); });
  const auto response = fixture.get(server.url());
  ASSERT_EQ(code_of(response), ErrorCode::kDeadlineExceeded);
  EXPECT_THAT(response.error().message, HasSubstr("no progress"));
  EXPECT_TRUE(fixture.eventually([&] { return closed.load(); }));
}

TEST(ClientFaults, AServerThatStopsInTheMiddleTimesOut) {
  ClientConfig config;
  config.body_timeout = milliseconds(30);
  ClientFixture fixture(config);
  RawServer server([](RawPeer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n123");
    peer.wait_for_close();
  });
  EXPECT_EQ(code_of(fixture.get(server.url())), ErrorCode::kDeadlineExceeded);
}

TEST(ClientFaults, AServerThatDoesNotReadTimesOut) {
  ClientConfig config;
  config.write_timeout = milliseconds(50);
  ClientFixture fixture(config);
  std::promise<void> over;
  RawServer server([future = over.get_future().share()](RawPeer&) { future.wait(); });
  const auto response = fixture.send(
      {.method = "POST", .url = server.url(), .body = std::string(64 * 1024 * 1024, 'x')});
  EXPECT_EQ(code_of(response), ErrorCode::kDeadlineExceeded);
  over.set_value();
}

TEST(ClientFaults, AStaleConnectionIsReplacedForWhatIsSafeToRepeat) {
  // The first request of a connection is answered; the second one makes it close without a word.
  const auto one_each = [](RawPeer& peer) {
    peer.read_request();
    peer.send(kOk);
    peer.read_request();
  };
  const auto second_answer = [&](ClientRequest request) {
    ClientFixture fixture({}, 1);
    RawServer server(one_each);
    request.url = server.url();
    EXPECT_TRUE(fixture.send(request).has_value());
    const auto second = fixture.send(request);
    EXPECT_EQ(server.connections(), second ? 2 : 1);
    return code_of(second);
  };
  for (const auto* method : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}) {
    EXPECT_EQ(second_answer({.method = method}), std::nullopt) << method;
  }
  EXPECT_EQ(second_answer({.method = "POST", .body = "x"}), ErrorCode::kUpstream);
  EXPECT_EQ(second_answer({.method = "PATCH", .body = "x"}), ErrorCode::kUpstream);
  EXPECT_EQ(second_answer({.method = "POST", .body = "x", .repeatable = true}), std::nullopt);
}

TEST(ClientFaults, ARequestIsRepeatedOnceAndNotMore) {
  ClientFixture fixture({}, 1);
  RawServer server([](RawPeer& peer) {
    peer.read_request();
    if (peer.number == 0) peer.send(kOk);
    peer.read_request();
  });
  ASSERT_TRUE(fixture.get(server.url()).has_value());
  const auto second = fixture.send({.url = server.url()}, within(milliseconds(200)));
  EXPECT_FALSE(second.has_value());
  EXPECT_EQ(server.connections(), 2);
}

TEST(ClientFaults, BytesBehindAnAnswerMakeAConnectionUseless) {
  ClientFixture fixture({}, 1);
  RawServer server(always("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n"));
  ASSERT_TRUE(fixture.get(server.url()).has_value());
  ASSERT_TRUE(fixture.get(server.url()).has_value());
  EXPECT_EQ(server.connections(), 2);
}

TEST(ClientFaults, ConnectionCloseIsObeyed) {
  ClientFixture fixture({}, 1);
  RawServer server(always("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"));
  ASSERT_TRUE(fixture.get(server.url()).has_value());
  EXPECT_EQ(fixture.client().stats().open, 0u);
}

} // namespace
} // namespace raglan::http
