// The client over TLS, against OpenSSL with certificates of its own making.
#include <csignal>
#include <filesystem>

#include "http/client_fixture_test.h"
#include "http/tls_peer_test.h"

namespace raglan::http {
namespace {

using testing::HasSubstr;

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

class ClientTls : public testing::Test {
 protected:
  using Script = std::function<void(TlsPeer&)>;

  ClientTls() : authority_(make_identity(nullptr, "")), ca_file_(temporary_file()) {
    std::signal(SIGPIPE, SIG_IGN); // OpenSSL writes without MSG_NOSIGNAL
    write_pem(ca_file_, authority_);
  }
  ~ClientTls() override { std::filesystem::remove(ca_file_); }

  static std::string temporary_file() {
    std::string path = testing::TempDir() + "raglan_ca_XXXXXX";
    ::close(::mkstemp(path.data()));
    return path;
  }
  ClientConfig trusting() const {
    ClientConfig config;
    config.ca_file = ca_file_;
    return config;
  }
  void serve(const std::string& names, Script script, long lifetime_seconds = 3600) {
    context_ = make_server_context(make_identity(&authority_, names, lifetime_seconds));
    server_.emplace([this, script = std::move(script)](RawPeer& peer) {
      TlsPeer tls(peer, context_.get());
      script(tls);
    });
  }
  std::string url(std::string_view host, std::string_view target = "/") const {
    return "https://" + std::string(host) + ":" + std::to_string(server_->port()) +
           std::string(target);
  }
  static void answer_all(TlsPeer& peer) {
    while (!peer.read_request().empty()) peer.send(kOk);
  }

  const Identity authority_;
  const std::string ca_file_;
  OwnedContext context_;
  std::optional<RawServer> server_;
};

TEST_F(ClientTls, AVerifiedServerIsUsedAndKept) {
  std::promise<std::string> name;
  serve("DNS:localhost", [&](TlsPeer& peer) {
    name.set_value(peer.server_name());
    answer_all(peer);
  });
  ClientFixture fixture(trusting(), 1);
  for (int i = 0; i < 3; ++i) {
    const auto response = fixture.get(url("localhost"));
    ASSERT_TRUE(response.has_value()) << response.error().message;
    EXPECT_EQ(response->body, "ok");
  }
  EXPECT_EQ(name.get_future().get(), "localhost");
  EXPECT_EQ(server_->connections(), 1);
}

TEST_F(ClientTls, AnAddressIsVerifiedAsOne) {
  serve("IP:127.0.0.1", answer_all);
  ClientFixture fixture(trusting());
  EXPECT_TRUE(fixture.get(url("127.0.0.1")).has_value());
  EXPECT_EQ(code_of(fixture.get(url("localhost"))), ErrorCode::kUnavailable);
}

TEST_F(ClientTls, AnotherNameIsRefused) {
  serve("DNS:other.example,DNS:*.localhost", answer_all);
  ClientFixture fixture(trusting());
  for (const auto* host : {"localhost", "127.0.0.1"}) {
    const auto response = fixture.get(url(host));
    ASSERT_EQ(code_of(response), ErrorCode::kUnavailable) << host;
    EXPECT_THAT(response.error().message, HasSubstr("mismatch"));
  }
  EXPECT_EQ(fixture.client().stats().open, 0u);
}

TEST_F(ClientTls, AnUnknownAuthorityIsRefused) {
  serve("DNS:localhost", answer_all);
  ClientFixture fixture; // trusts the system's certificates
  const auto response = fixture.get(url("localhost"));
  ASSERT_EQ(code_of(response), ErrorCode::kUnavailable);
  EXPECT_THAT(response.error().message, HasSubstr("its certificate is not valid"));
}

TEST_F(ClientTls, AnExpiredCertificateIsRefused) {
  serve("DNS:localhost", answer_all, -60);
  ClientFixture fixture(trusting());
  const auto response = fixture.get(url("localhost"));
  ASSERT_EQ(code_of(response), ErrorCode::kUnavailable);
  EXPECT_THAT(response.error().message, HasSubstr("expired"));
}

TEST_F(ClientTls, AMissingCaFileMakesTlsUnavailableAndNothingElse) {
  serve("DNS:localhost", answer_all);
  ClientConfig config;
  config.ca_file = "/nonexistent/ca.pem";
  ClientFixture fixture(config);
  const auto response = fixture.get(url("localhost"));
  ASSERT_EQ(code_of(response), ErrorCode::kUnavailable);
  EXPECT_EQ(response.error().message.find("/nonexistent"), std::string::npos);
}

TEST_F(ClientTls, TlsBelow12IsRefused) {
  serve("DNS:localhost", answer_all);
  SSL_CTX_set_security_level(context_.get(), 0);
  SSL_CTX_set_min_proto_version(context_.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(context_.get(), TLS1_1_VERSION);
  ClientFixture fixture(trusting());
  EXPECT_EQ(code_of(fixture.get(url("localhost"))), ErrorCode::kUnavailable);
}

TEST_F(ClientTls, APlainServerIsNotTls) {
  RawServer plain([](RawPeer& peer) { peer.send("HTTP/1.1 400 Bad Request\r\n\r\n"); });
  ClientFixture fixture(trusting());
  const auto response = fixture.get("https://localhost:" + std::to_string(plain.port()) + "/");
  EXPECT_EQ(code_of(response), ErrorCode::kUnavailable);
}

TEST_F(ClientTls, AHandshakeThatNeverComesTimesOut) {
  RawServer silent([](RawPeer& peer) { peer.wait_for_close(); });
  auto config = trusting();
  config.connect_timeout = milliseconds(50);
  ClientFixture fixture(config);
  const auto url = "https://localhost:" + std::to_string(silent.port()) + "/";
  EXPECT_EQ(code_of(fixture.get(url)), ErrorCode::kUnavailable);
  EXPECT_EQ(code_of(fixture.send({.url = url}, within(milliseconds(20)))),
            ErrorCode::kDeadlineExceeded);
}

TEST_F(ClientTls, LargeBodiesGoBothWays) {
  const std::string body(3'000'000, 'b');
  serve("DNS:localhost", [&](TlsPeer& peer) {
    const auto request = peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n");
    peer.send(request.substr(request.find("\r\n\r\n") + 4));
  });
  ClientFixture fixture(trusting());
  const auto response = fixture.send({.method = "POST", .url = url("localhost"), .body = body});
  ASSERT_TRUE(response.has_value()) << response.error().message;
  EXPECT_EQ(response->body, body);
}

TEST_F(ClientTls, OnlyAClosedTlsConnectionEndsABody) {
  serve("DNS:localhost", [](TlsPeer& peer) {
    const bool whole = peer.read_request().starts_with("GET /whole");
    peer.send("HTTP/1.1 200 OK\r\n\r\nuntil the end");
    if (whole) peer.close_in_good_order();
  });
  ClientFixture fixture(trusting());
  const auto whole = fixture.get(url("localhost", "/whole"));
  ASSERT_TRUE(whole.has_value());
  EXPECT_EQ(whole->body, "until the end");
  EXPECT_EQ(code_of(fixture.get(url("localhost", "/cut"))), ErrorCode::kUpstream);
}

TEST_F(ClientTls, ACancelledRequestClosesItsConnection) {
  std::promise<void> asked;
  std::promise<bool> closed;
  serve("DNS:localhost", [&](TlsPeer& peer) {
    peer.read_request();
    asked.set_value();
    closed.set_value(peer.read_request().empty());
  });
  ClientFixture fixture(trusting());
  auto running = fixture.start({.url = url("localhost")});
  asked.get_future().wait();
  running.cancel();
  EXPECT_EQ(code_of(running.get()), ErrorCode::kClientClosed);
  EXPECT_TRUE(closed.get_future().get());
  EXPECT_EQ(fixture.client().stats().open, 0u);
}

} // namespace
} // namespace raglan::http
