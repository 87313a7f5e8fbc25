// What passes through the balancer, and how.
#include "balancer/balancer_fixture_test.h"

namespace raglan::balancer {
namespace {

using namespace std::string_literals;

using ProxyTest = BalancerTest;

TEST_F(ProxyTest, ARequestAndItsAnswerPassUnchangedButForWhatIsTheNeighboursOwn) {
  add_host([&](RawPeer& peer) {
    seen_ = peer.read_request();
    peer.send(
        "HTTP/1.1 201 Made\r\nX-Own:  kept \r\nConnection: keep-alive, x-hop\r\nX-Hop: 1\r\n"
        "Keep-Alive: timeout=5\r\ncontent-length: 5\r\n\r\nhello");
    peer.wait_for_close();
  });
  RawClient client(start());
  client.send(
      "POST /a?b=c HTTP/1.1\r\nHost: example.org\r\nX-Own: 1\r\nTE: trailers\r\n"
      "Connection: x-hop\r\nX-Hop: 1\r\nX-Forwarded-For: 10.9.8.7\r\nExpect: nothing\r\n"
      "content-length: 4\r\n\r\nbody");
  const std::string response = client.read_response();
  EXPECT_THAT(response, StartsWith("HTTP/1.1 201 Made\r\nX-Own:  kept \r\ncontent-length: 5\r\n"
                                   "x-request-id: "));
  EXPECT_THAT(response, EndsWith("\r\n\r\nhello"));
  const std::string id = response.substr(response.find("x-request-id: ") + 14, 36);
  EXPECT_EQ(seen_.text(),
            "POST /a?b=c HTTP/1.1\r\nHost: example.org\r\nX-Own: 1\r\ncontent-length: 4\r\n"
            "x-forwarded-for: 127.0.0.1\r\nx-forwarded-proto: http\r\nx-request-id: " +
                id + "\r\n\r\nbody");
}

TEST_F(ProxyTest, WhatATrustedProxySaysOfThoseBeforeItIsPassedOn) {
  config_.trusted_proxies = {"127.0.0.0/8"};
  add_host([&](RawPeer& peer) {
    seen_ = peer.read_request();
    peer.send(answer("ok"));
    peer.wait_for_close();
  });
  RawClient client(start());
  client.send(
      "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 10.9.8.7\r\nX-Forwarded-Proto: https\r\n\r\n");
  EXPECT_THAT(client.read_response(), EndsWith("ok"));
  EXPECT_THAT(
      seen_.text(),
      StartsWith("GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 10.9.8.7\r\n"
                 "X-Forwarded-Proto: https\r\nx-forwarded-for: 127.0.0.1\r\nx-request-id: "));
}

TEST_F(ProxyTest, BothConnectionsAreKeptForTheNextRequest) {
  RawServer& server = add_host(named("a"));
  RawClient client(start());
  for (int i = 0; i < 20; ++i) {
    client.send("GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(client.read_response(), EndsWith("a: /" + std::to_string(i)));
  }
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(host(0).requests, 20u);
  client.close();
  expect_nothing_left();
}

TEST_F(ProxyTest, PipelinedRequestsAreAnsweredInTurn) {
  add_host(named("a"));
  RawClient client(start());
  std::string all;
  for (int i = 0; i < 50; ++i) {
    all += "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\ncontent-length: 3\r\n\r\nabc";
  }
  client.send(all);
  for (int i = 0; i < 50; ++i) {
    EXPECT_THAT(client.read_response(), EndsWith("a: /" + std::to_string(i)));
  }
}

TEST_F(ProxyTest, ItDoesNotMatterHowARequestIsCut) {
  add_host(named("a"));
  const std::uint16_t port = start();
  for (const std::size_t step : {1UL, 2UL, 3UL, 7UL}) {
    RawClient client(port);
    const std::string plain = "POST /x HTTP/1.1\r\nHost: x\r\ncontent-length: 10\r\n\r\n0123456789";
    for (std::size_t at = 0; at < plain.size(); at += step) {
      client.send(plain.substr(at, step));
      std::this_thread::sleep_for(100us);
    }
    EXPECT_THAT(client.read_response(), EndsWith("a: /x")) << step;
  }
}

TEST_F(ProxyTest, ChunksPassAsTheyComeBothWays) {
  add_host([&](RawPeer& peer) {
    (void)peer.read_head();
    seen_ = peer.read_bytes(25);
    peer.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n");
    seen_ += peer.read_bytes(11);
    peer.send("0\r\ntrailer: 1\r\n\r\n");
    peer.wait_for_close();
  });
  RawClient client(start());
  client.send("POST / HTTP/1.1\r\nHost: x\r\ntransfer-encoding: chunked\r\n\r\n");
  client.send("a\r\n0123456789\r\n");
  client.send("5\r\nabcde\r\n");
  EXPECT_THAT(client.read_until("hello\r\n"), EndsWith("5;x=y\r\nhello\r\n")); // at once
  client.send("1\r\n!\r\n0\r\n\r\n");
  EXPECT_THAT(client.read_until("\r\n\r\n"), EndsWith("0\r\ntrailer: 1\r\n\r\n"));
  EXPECT_EQ(seen_.text(), "a\r\n0123456789\r\n5\r\nabcde\r\n1\r\n!\r\n0\r\n\r\n");
}

TEST_F(ProxyTest, LargeBodiesPassWholeBothWays) {
  add_host([](RawPeer& peer) {
    for (std::string request = peer.read_request(); !request.empty();
         request = peer.read_request()) {
      peer.send(answer(request.substr(request.find("\r\n\r\n") + 4)));
    }
  });
  RawClient client(start());
  std::string body(10'000'000, ' ');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>('a' + i * 7 % 26);
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, BlockPool::kBlockBytes - 1,
                                 BlockPool::kBlockBytes, BlockPool::kBlockBytes + 1, body.size()}) {
    std::thread sender([&] {
      client.send("PUT /d HTTP/1.1\r\nHost: x\r\ncontent-length: " + std::to_string(size) +
                  "\r\n\r\n" + body.substr(0, size));
    });
    const std::string response = client.read_response();
    sender.join();
    EXPECT_TRUE(response.ends_with("\r\n\r\n" + body.substr(0, size))) << size;
  }
}

TEST_F(ProxyTest, AnAnswerWithoutALengthEndsWithTheConnection) {
  add_host([](RawPeer& peer) {
    (void)peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\n\r\nall of it");
  });
  RawClient client(start());
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string response = client.read_to_end();
  EXPECT_THAT(response, HasSubstr("\r\nconnection: close\r\n"));
  EXPECT_THAT(response, EndsWith("\r\n\r\nall of it"));
}

TEST_F(ProxyTest, AnswersWithoutABodyEndWithTheirHead) {
  add_host([](RawPeer& peer) {
    for (std::string request = peer.read_request(); !request.empty();
         request = peer.read_request()) {
      const bool head = request.starts_with("HEAD");
      peer.send(head ? "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n"
                     : "HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n");
    }
  });
  RawClient client(start());
  for (int i = 0; i < 3; ++i) {
    client.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(client.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 200"));
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(client.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 304"));
  }
}

TEST_F(ProxyTest, InterimAnswersPassAndContinueIsSaidHere) {
  add_host([&](RawPeer& peer) {
    seen_ = peer.read_request();
    peer.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" +
              answer("done"));
    peer.wait_for_close();
  });
  RawClient client(start());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\ncontent-length: 4\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("body");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n");
  EXPECT_THAT(client.read_response(), EndsWith("done"));
  EXPECT_THAT(seen_.text(), Not(HasSubstr("xpect")));
}

TEST_F(ProxyTest, AnUpgradedConnectionPassesWhateverIsSaid) {
  add_host([&](RawPeer& peer) {
    seen_ = peer.read_request();
    peer.send(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nfirst");
    for (std::string got = peer.read_bytes(4); got.size() == 4; got = peer.read_bytes(4)) {
      peer.send("<" + got + ">");
    }
  });
  RawClient client(start());
  client.send("GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nping");
  const std::string head = client.read_until("\r\n\r\n");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 101 "));
  EXPECT_THAT(head, HasSubstr("Upgrade: echo\r\n"));
  EXPECT_THAT(head, HasSubstr("connection: upgrade\r\n"));
  EXPECT_THAT(seen_.text(), HasSubstr("connection: upgrade\r\n"));
  EXPECT_EQ(client.read_bytes(11), "first<ping>");
  client.send("\r\n\x00\xff"s);
  EXPECT_EQ(client.read_bytes(6), "<\r\n\x00\xff>"s);
  client.close();
  expect_nothing_left();
}

TEST_F(ProxyTest, ATunnelKeepsTheOrderAndTheLastBytes) {
  std::string much(320'000, ' ');
  for (std::size_t i = 0; i < much.size(); ++i) much[i] = static_cast<char>('a' + i * 7 % 26);
  add_host([&, much](RawPeer& peer) {
    (void)peer.read_head();
    peer.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n" +
              much);
    seen_ = peer.read_bytes(210);
    peer.close();
  });
  const std::uint16_t port = start();
  for (int round = 0; round < 5; ++round) {
    RawClient client(port);
    client.send("GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n");
    (void)client.read_until("\r\n\r\n");
    EXPECT_TRUE(client.read_bytes(much.size()) == much);
    client.send(std::string(210, 'z'));
    client.half_close();
    EXPECT_EQ(client.read_to_end(), "");
    await([&] { return seen_.text() == std::string(210, 'z'); });
    seen_ = "";
  }
}

TEST_F(ProxyTest, ATrailerThatNeedsMoreRoomThanIsLeftPasses) {
  add_host([](RawPeer& peer) {
    (void)peer.read_head();
    (void)peer.read_bytes(35'000);
    peer.send(answer("ok"));
    peer.wait_for_close();
  });
  RawClient client(start());
  const std::string body(35'000, 'x');
  client.send("POST / HTTP/1.1\r\nHost: x\r\ntransfer-encoding: chunked\r\n\r\n88b8\r\n" + body +
              "\r\n0\r\na: " + std::string(7'000, 'y') + "\r\n\r\n");
  EXPECT_THAT(client.read_response(), EndsWith("ok"));
}

TEST_F(ProxyTest, AnOldClientGetsWhatItUnderstands) {
  add_host([](RawPeer& peer) {
    const std::string request = peer.read_request();
    EXPECT_THAT(request, StartsWith("GET / HTTP/1.0\r\n"));
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
  });
  RawClient client(start());
  client.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_THAT(client.read_to_end(), EndsWith("\r\nconnection: close\r\n\r\nok"));
}

TEST_F(ProxyTest, AnAnswerBeforeTheRequestsEndIsPassedOnAndTheConnectionEnds) {
  add_host([](RawPeer& peer) {
    (void)peer.read_head();
    peer.send("HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno");
    peer.wait_for_close();
  });
  RawClient client(start());
  client.send("POST / HTTP/1.1\r\nHost: x\r\ncontent-length: 1000000\r\n\r\n");
  client.send(std::string(1000, 'x'));
  const std::string response = client.read_to_end();
  EXPECT_THAT(response, StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(response, HasSubstr("\r\nconnection: close\r\n"));
  EXPECT_THAT(response, EndsWith("no"));
  client.close();
  expect_nothing_left();
}

TEST_F(ProxyTest, WhoReadsSlowlySlowsTheHostDown) {
  add_host([&](RawPeer& peer) {
    (void)peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n");
    const std::string piece(100'000, 'x');
    for (int i = 0; i < 1'000; ++i) {
      peer.send(piece);
      count_ += piece.size();
    }
  });
  RawClient client(start(), 4096);
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  (void)client.read_until("\r\n\r\n");
  await([&] { return count_ > 0; });
  std::size_t before = 0;
  await([&] { // until it stands still
    const bool still = count_ == before;
    before = count_;
    std::this_thread::sleep_for(50ms);
    return still;
  });
  EXPECT_LT(count_, 50'000'000u);
  EXPECT_EQ(client.read_bytes(100'000'000).size(), 100'000'000u);
}

TEST_F(ProxyTest, AClientThatGoesAwayEndsTheHostsWork) {
  add_host([&](RawPeer& peer) {
    (void)peer.read_request();
    told_ = peer.wait_for_close();
  });
  const std::uint16_t port = start();
  RawClient client(port);
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await([&] { return host(0).in_flight == 1; });
  client.close();
  await([&] { return told_.load(); });
  expect_nothing_left();
}

TEST_F(ProxyTest, ADrainEndsEveryExchangeAndTakesNoOther) {
  add_host([&](RawPeer& peer) {
    (void)peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n");
    while (!told_) std::this_thread::sleep_for(1ms);
    peer.send("2\r\ncd\r\n0\r\n\r\n");
    peer.wait_for_close();
  });
  const std::uint16_t port = start();
  RawClient idle(port);
  RawClient busy(port);
  busy.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(busy.read_until("ab\r\n"), EndsWith("ab\r\n"));
  await([&] { return balancer_->connections() == 2; });
  std::thread drain(
      [&] { EXPECT_TRUE(balancer_->drain(Deadline::after(10s, SystemClock::instance().now()))); });
  EXPECT_TRUE(idle.at_end());
  told_ = true;
  EXPECT_EQ(busy.read_to_end(), "2\r\ncd\r\n0\r\n\r\n");
  drain.join();
  EXPECT_FALSE(RawClient(port).connected());
}

TEST_F(ProxyTest, ATrustedProxySaysInFrontWhoTheClientIs) {
  config_.trusted_proxies = {"127.0.0.0/8"};
  config_.proxy_protocol = true;
  add_host([&](RawPeer& peer) {
    seen_ = peer.read_request();
    peer.send(answer("ok"));
    peer.wait_for_close();
  });
  RawClient client(start());
  client.send("PROXY TCP4 192.0.2.7 192.0.2.1 1234 80\r\nGET / HTTP/1.1\r\nHost: x\r\n");
  client.send("X-Forwarded-For: 10.9.8.7\r\n\r\n"); // of somebody who is not trusted
  EXPECT_THAT(client.read_response(), EndsWith("ok"));
  EXPECT_THAT(seen_.text(), HasSubstr("x-forwarded-for: 192.0.2.7\r\n"));
  EXPECT_THAT(seen_.text(), Not(HasSubstr("10.9.8.7")));
}

TEST_F(ProxyTest, WithoutItsHeaderAProxyIsNotHeard) {
  config_.trusted_proxies = {"127.0.0.0/8"};
  config_.proxy_protocol = true;
  add_host(named("a"));
  RawClient client(start());
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.read_response(), "");
  expect_nothing_left();
  EXPECT_EQ(host(0).requests, 0u);
}

TEST_F(ProxyTest, WhoIsNotTrustedCannotSayWhoTheClientIs) {
  config_.trusted_proxies = {"10.0.0.0/8"};
  config_.proxy_protocol = true;
  add_host(named("a"));
  RawClient client(start());
  client.send("PROXY TCP4 192.0.2.7 192.0.2.1 1234 80\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 400 "));
  EXPECT_EQ(host(0).requests, 0u);
}

} // namespace
} // namespace raglan::balancer
