// What the balancer does not pass on: requests that two programs could read as different ones, and
// those that are too large or too slow.
#include "balancer/balancer_fixture_test.h"
#include "balancer/forwarded_head.h"

namespace raglan::balancer {
namespace {

using namespace std::string_literals;

struct Refused {
  std::string_view name;
  std::string request;
  std::string_view status;
};

class RefusalsTest : public BalancerTest {
 protected:
  void start_one() {
    config_.header_timeout = 300ms;
    config_.response_timeout = 300ms;
    add_host([this](RawPeer& peer) {
      // Whatever comes is too much; the start of a body may come before its mistake.
      if (!peer.read_request().empty()) ++count_;
    });
    port_ = start();
  }
  void expect_refused(const Refused& each) {
    RawClient other(port_); // notices nothing
    RawClient client(port_);
    client.send(each.request);
    const std::string response = client.read_to_end();
    EXPECT_THAT(response, StartsWith("HTTP/1.1 " + std::string(each.status))) << each.name;
    EXPECT_THAT(response, HasSubstr("\r\nconnection: close\r\n")) << each.name;
    EXPECT_EQ(response.find("}HTTP/1.1"), response.npos) << each.name; // one answer
    EXPECT_EQ(count_, 0u) << each.name;
    EXPECT_TRUE(other.connected());
  }

  std::uint16_t port_ = 0;
};

std::string post(std::string_view fields, std::string_view body = {}) {
  return "POST / HTTP/1.1\r\nHost: x\r\n" + std::string(fields) + "\r\n" + std::string(body);
}
const std::string kSmuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

TEST_F(RefusalsTest, WhatIsAmbiguousIsRefusedAndNothingOfItPassedOn) {
  start_one();
  const Refused all[] = {
      {"length and chunks",
       post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + kSmuggled), "400"},
      {"chunks and length",
       post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "0\r\n\r\n" + kSmuggled), "400"},
      {"two lengths", post("Content-Length: 0\r\nContent-Length: 36\r\n", kSmuggled), "400"},
      {"the same length twice", post("Content-Length: 4\r\nContent-Length: 4\r\n", "abcd"), "400"},
      {"a list of lengths", post("Content-Length: 4, 4\r\n", "abcd"), "400"},
      {"a signed length", post("Content-Length: +4\r\n", "abcd"), "400"},
      {"a negative length", post("Content-Length: -1\r\n", "abcd"), "400"},
      {"a hexadecimal length", post("Content-Length: 0x4\r\n", "abcd"), "400"},
      {"a length with a space", post("Content-Length: 1 4\r\n", "abcd"), "400"},
      {"an empty length", post("Content-Length: \r\n", "abcd"), "400"},
      {"a huge length", post("Content-Length: 99999999999999999999\r\n", "abcd"), "400"},
      {"two codings", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), "501"},
      {"an unknown coding", post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), "501"},
      {"chunked twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
       "400"},
      {"chunked and identity",
       post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"), "400"},
      {"a coding in 1.0",
       "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
      {"a space before the colon", post("Content-Length : 4\r\n", "abcd"), "400"},
      {"a tab before the colon", post("Transfer-Encoding\t: chunked\r\n", "0\r\n\r\n"), "400"},
      {"a folded field", post("X: a\r\n b\r\n"), "400"},
      {"a folded first field", "GET / HTTP/1.1\r\n Host: x\r\n\r\n", "400"},
      {"a bare line feed", "GET / HTTP/1.1\nHost: x\n\n", "400"},
      {"a bare line feed in between", post("X: a\nContent-Length: 4\r\n", "abcd"), "400"},
      {"a bare carriage return", post("X: a\rContent-Length: 4\r\n", "abcd"), "400"},
      {"a NUL in a value", post("X: a\0b\r\n"s), "400"},
      {"a NUL in a name", post("X\0: a\r\n"s), "400"},
      {"a control character", post("X: a\x01\r\n"), "400"},
      {"a field without a colon", post("nonsense\r\n"), "400"},
      {"an empty name", post(": a\r\n"), "400"},
      {"no host", "GET / HTTP/1.1\r\n\r\n", "400"},
      {"two hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400"},
      {"an unknown version", "GET / HTTP/1.2\r\nHost: x\r\n\r\n", "400"},
      {"no version", "GET /\r\nHost: x\r\n\r\n", "400"},
      {"a space in the target", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
      {"a fragment", "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
      {"a high byte in the target", "GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
      {"an authority", "CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
      {"a bad method", "G(T / HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
      {"no HTTP at all", "\x16\x03\x01\x02\r\n\r\n", "400"},
      {"a chunk's size that is none", post("Transfer-Encoding: chunked\r\n", "x\r\n"), "400"},
      {"a chunk's size with a sign", post("Transfer-Encoding: chunked\r\n", "+1\r\na\r\n"), "400"},
      {"a chunk's size with 0x", post("Transfer-Encoding: chunked\r\n", "0x1\r\na\r\n"), "400"},
      {"a chunk's size with a space", post("Transfer-Encoding: chunked\r\n", "1 \r\na\r\n"), "400"},
      {"a chunk's size behind a space", post("Transfer-Encoding: chunked\r\n", " 1\r\na\r\n"),
       "400"},
      {"a chunk's size that overflows",
       post("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\na\r\n"), "400"},
      {"a chunk's line with a bare line feed", post("Transfer-Encoding: chunked\r\n", "1\na\r\n"),
       "400"},
      {"a chunk that is longer than it says",
       post("Transfer-Encoding: chunked\r\n", "1\r\nab\r\n0\r\n\r\n"), "400"},
      {"a chunk's extension with a control character",
       post("Transfer-Encoding: chunked\r\n", "1;a\x01\r\na\r\n"), "400"},
      {"a chunk's extension with a bare line feed",
       post("Transfer-Encoding: chunked\r\n", "1;a\n\r\na\r\n"), "400"},
      {"a trailer that is no field",
       post("Transfer-Encoding: chunked\r\n", "0\r\nnonsense\r\n\r\n"), "400"},
      {"a Connection field that names the length",
       post("Content-Length: 4\r\nConnection: content-length\r\n", "abcd"), "400"},
      {"a Connection field that names the coding",
       post("Transfer-Encoding: chunked\r\nConnection: close, Transfer-Encoding\r\n"), "400"},
  };
  for (const Refused& each : all) expect_refused(each);
}

TEST_F(RefusalsTest, WhatIsTooLargeIsRefused) {
  config_.limits.max_body_bytes = 100;
  start_one();
  const std::string chunk = "33\r\n" + std::string(0x33, 'x') + "\r\n"; // 51 bytes
  const Refused all[] = {
      {"a target", "GET /" + std::string(8 * 1024, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n", "414"},
      {"fields", post("X: " + std::string(33 * 1024, 'a') + "\r\n"), "431"},
      {"a head without an end", "GET / HTTP/1.1\r\nX: " + std::string(33 * 1024, 'a'), "431"},
      {"a body by its length", post("Content-Length: 101\r\n"), "413"},
      {"a body by its chunks", post("Transfer-Encoding: chunked\r\n", chunk + chunk), "413"},
      {"a chunk", post("Transfer-Encoding: chunked\r\n", "65\r\n"), "413"},
  };
  for (const Refused& each : all) expect_refused(each);
  std::string many;
  for (int i = 0; i < 101; ++i) many += "X: " + std::to_string(i) + "\r\n";
  expect_refused({"many fields", post(many), "431"});
}

TEST_F(RefusalsTest, WhatIsJustSmallEnoughPasses) {
  config_.limits.max_body_bytes = 100;
  add_host(named("a"));
  RawClient client(start());
  client.send(post("content-length: 100\r\n", std::string(100, 'x')));
  EXPECT_THAT(client.read_response(), EndsWith("a: /"));
  const std::string target = "/" + std::string(8 * 1024 - 1, 'a');
  client.send("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.read_response(), EndsWith(target));
  std::string request = "GET / HTTP/1.1\r\nHost: x\r\nX: ";
  request += std::string(config_.limits.max_header_bytes - request.size() - 4, 'a') + "\r\n\r\n";
  client.send(request);
  EXPECT_THAT(client.read_response(), EndsWith("a: /"));
}

TEST_F(RefusalsTest, AHeadThatDoesNotEndInTimeIsAnsweredAndTheIdleAreClosed) {
  config_.idle_timeout = 300ms;
  start_one();
  RawClient idle(port_);
  RawClient slow(port_);
  slow.send("GET / HTTP/1.1\r\n");
  EXPECT_THAT(slow.read_to_end(), StartsWith("HTTP/1.1 408 "));
  EXPECT_TRUE(idle.at_end());
  RawClient body(port_);
  body.send(post("content-length: 4\r\n", "ab"));
  EXPECT_THAT(body.read_to_end(), StartsWith("HTTP/1.1 408 "));
  EXPECT_EQ(count_, 0u);
  expect_nothing_left();
}

TEST_F(RefusalsTest, OneByteAtATimeDoesNotHoldAConnection) {
  start_one();
  RawClient slow(port_);
  for (int i = 0; i < 10; ++i) { // each well within the timeout, all of them not
    slow.send(i == 0 ? "GET / HTTP/1.1\r\nX: " : "a");
    std::this_thread::sleep_for(50ms);
  }
  EXPECT_THAT(slow.read_to_end(), StartsWith("HTTP/1.1 408 "));
}

TEST_F(RefusalsTest, WhatIsForOperatorsIsRefusedOnceWhereEverybodyCanAsk) {
  add_host(named("a"));
  own_ = {.host = std::make_shared<Host>(HostAddress{"own", {}, 0}, 1), .health_only = true};
  RawClient client(start());
  client.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string response = client.read_to_end();
  EXPECT_THAT(response, StartsWith("HTTP/1.1 404 "));
  EXPECT_EQ(response.find("HTTP/1.1", 1), response.npos);
}

TEST_F(RefusalsTest, ALargerLimitThanCanBePassedOnIsNone) {
  config_.limits.max_header_bytes = 1024 * 1024;
  add_host(named("a"));
  const std::uint16_t port = start();
  for (const std::size_t size : {kMaxHeadBytes + 1, BlockPool::kBlockBytes - 10,
                                 BlockPool::kBlockBytes, 2 * BlockPool::kBlockBytes}) {
    RawClient client(port);
    client.send("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(size, 'a') + "\r\n\r\n");
    EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 431 ")) << size;
  }
}

TEST_F(RefusalsTest, ABodyThatTricklesDoesNotHoldAHost) {
  start_one();
  RawClient slow(port_);
  slow.send("POST /x HTTP/1.1\r\nHost: x\r\ncontent-length: 100\r\n\r\n");
  for (int i = 0; i < 12; ++i) { // each well within the timeout, all of them not
    slow.send("a");
    std::this_thread::sleep_for(50ms);
  }
  EXPECT_THAT(slow.read_to_end(), StartsWith("HTTP/1.1 408 "));
  expect_nothing_left();
}

TEST_F(RefusalsTest, AQuestionThatDoesNotArriveIsTheClientsFault) {
  config_.strategy = policy::Strategy::kAffinity; // no host is chosen before its body is there
  start_one();
  RawClient slow(port_);
  slow.send("POST /v1/query HTTP/1.1\r\nHost: x\r\ncontent-length: 100\r\n\r\n{");
  const std::string response = slow.read_to_end();
  EXPECT_THAT(response, StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(response, HasSubstr("\r\ndate: "));
  EXPECT_EQ(host(0).timeouts, 0u);
  EXPECT_EQ(count_, 0u);
}

TEST_F(RefusalsTest, OneConnectionTooManyIsToldSo) {
  config_.max_connections = 2;
  add_host(named("a"));
  const std::uint16_t port = start();
  RawClient first(port);
  auto second = std::make_unique<RawClient>(port);
  await([&] { return balancer_->connections() == 2; });
  RawClient third(port);
  const std::string refused = third.read_to_end();
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(refused, HasSubstr("retry-after: "));
  third.close();
  second.reset();
  await([&] { return balancer_->connections() == 1; });
  RawClient again(port);
  again.send("GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(again.read_response(), EndsWith("a: /x"));
}

} // namespace
} // namespace raglan::balancer
