// The client over TLS, on a real server with certificates of the test's making.
#include "client_fixture.h"
#include "http/tls_peer_test.h"
#include "real_server.h"
#include "redis/subscriber.h"
#include "tcp_server.h"

namespace raglan::redis {
namespace {

using testing::HasSubstr;

void write_key(const std::string& path, const http::Identity& identity) {
  std::FILE* const file = std::fopen(path.c_str(), "w");
  PEM_write_PrivateKey(file, identity.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(file);
}

class RedisTls : public RedisTest {
 protected:
  RedisTls() : port_(std::to_string(free_port())) {
    const auto authority = http::make_identity(nullptr, "");
    const auto identity = http::make_identity(&authority, "DNS:localhost");
    http::write_pem(file("ca"), authority);
    http::write_pem(file("certificate"), identity);
    write_key(file("key"), identity);
    server_.emplace(std::vector<std::string>{
        "--tls-port", port_, "--tls-cert-file", file("certificate"), "--tls-key-file", file("key"),
        "--tls-ca-cert-file", file("ca"), "--tls-auth-clients", "no"});
  }
  // Of a configuration file, with other lines. What listens for TLS says so by its port.
  std::vector<std::string> with_tls(const std::string& port, std::vector<std::string> lines) const {
    lines.insert(lines.end(), {"tls-port " + port, "tls-cert-file " + file("certificate"),
                               "tls-key-file " + file("key"), "tls-ca-cert-file " + file("ca"),
                               "tls-auth-clients no"});
    return lines;
  }
  ClientConfig trusting_url(const std::string& url) const {
    auto config = patient(url);
    config.ca_file = file("ca");
    return config;
  }
  ~RedisTls() override { std::filesystem::remove_all(folder_); }

  std::string file(const std::string& name) const { return folder_ / name; }
  ClientConfig trusting(const std::string& host) const {
    auto config = patient("rediss://" + host + ":" + port_);
    config.ca_file = file("ca");
    return config;
  }

  const std::filesystem::path folder_ = [] {
    std::string folder = testing::TempDir() + "raglan-redis-tls-XXXXXX";
    return std::filesystem::path(::mkdtemp(folder.data()));
  }();
  const std::string port_;
  std::optional<RealServer> server_;
};

TEST_F(RedisTls, CommandsAndMessagesTravelEncrypted) {
  connect(trusting("localhost"));
  const std::string value(3'000'000, 'x');
  EXPECT_TRUE(run(Command("SET", "key", value)).has_value());
  EXPECT_TRUE(get("key", 1) == value);

  std::promise<std::string> heard;
  std::promise<void> subscribed;
  SubscriberEvents events;
  events.on_subscribed = [&] { subscribed.set_value(); };
  events.on_message = [&](std::string_view, std::string_view text) {
    heard.set_value(std::string(text));
  };
  const Subscriber subscriber(client(), {}, {"channel"}, std::move(events), loops_, 0);
  subscribed.get_future().wait();
  EXPECT_TRUE(run(Command("PUBLISH", "channel", "hello")).has_value());
  EXPECT_EQ(heard.get_future().get(), "hello");
}

TEST_F(RedisTls, AnotherNameThanTheCertificatesIsNotTrusted) {
  connect(trusting("127.0.0.1"));
  const auto reply = run(Command("PING"));
  ASSERT_EQ(code_of(reply), ErrorCode::kUnavailable);
  EXPECT_THAT(reply.error().message, HasSubstr("certificate"));
}

TEST_F(RedisTls, AnUnknownAuthorityIsNotTrusted) {
  auto config = trusting("localhost");
  config.ca_file.clear();
  connect(config);
  const auto reply = run(Command("PING"));
  ASSERT_EQ(code_of(reply), ErrorCode::kUnavailable);
  EXPECT_THAT(reply.error().message, HasSubstr("certificate"));
}

TEST_F(RedisTls, AServerWithoutTlsIsUnavailable) {
  http::RawServer plain([](http::RawPeer& peer) { peer.send("-ERR what is that?\r\n"); });
  auto config = trusting("localhost");
  config.url = config::Secret("rediss://localhost:" + std::to_string(plain.port()));
  connect(config);
  EXPECT_EQ(code_of(run(Command("PING"))), ErrorCode::kUnavailable);
}

TEST_F(RedisTls, AuthoritiesThatCannotBeReadAreSaidAtTheStart) {
  auto config = trusting("localhost");
  config.ca_file = file("nothing");
  const auto created = Client::create(config, loops_);
  ASSERT_FALSE(created.has_value());
  EXPECT_EQ(created.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(created.error().message, testing::Not(HasSubstr("nothing")));
}

TEST_F(RedisTls, AClusterMayAnnounceTheNamesOfItsCertificates) {
  const std::string port = std::to_string(free_port());
  const TcpServer server(with_tls(
      port,
      {"cluster-enabled yes", "tls-cluster yes", "cluster-announce-hostname localhost",
       "cluster-preferred-endpoint-type hostname", "cluster-port " + std::to_string(free_port())}));
  server.tell(Command("CLUSTER", "ADDSLOTSRANGE", 0, 16383));
  await("it is a cluster",
        [&] { return server.says(Command("CLUSTER", "INFO"), "cluster_state:ok"); });
  connect(trusting_url("rediss+cluster://localhost:" + port));
  EXPECT_TRUE(run(Command("SET", "key", "value")).has_value());
  EXPECT_EQ(get("key", 1), "value");
  EXPECT_TRUE(start(client().check({})).get().has_value());
}

TEST_F(RedisTls, SentinelsAndTheMasterTheyNameAreBothVerified) {
  const std::string port = std::to_string(free_port());
  const TcpServer sentinel(
      with_tls(port, {"sentinel resolve-hostnames yes", "sentinel announce-hostnames yes",
                      "sentinel monitor mymaster localhost " + port_ + " 1"}),
      true);
  connect(trusting_url("rediss+sentinel://localhost:" + port + "/mymaster"));
  EXPECT_TRUE(run(Command("SET", "key", "value")).has_value());
  client_.reset();
  connect(trusting_url("rediss+sentinel://127.0.0.1:" + port + "/mymaster"));
  const auto reply = run(Command("PING"));
  ASSERT_EQ(code_of(reply), ErrorCode::kUnavailable);
  EXPECT_THAT(reply.error().message, HasSubstr("certificate"));
}

} // namespace
} // namespace raglan::redis
