// Hosts that are gone, break off, or answer what is no HTTP.
#include <sys/socket.h>

#include "balancer/balancer_fixture_test.h"

namespace raglan::balancer {
namespace {

using namespace std::string_literals;

const std::string kGet = "GET /x HTTP/1.1\r\nHost: x\r\n\r\n";
const std::string kWrite = "POST /v1/documents HTTP/1.1\r\nHost: x\r\ncontent-length: 2\r\n\r\n{}";
const std::string kAsk = "POST /v1/query HTTP/1.1\r\nHost: x\r\ncontent-length: 2\r\n\r\n{}";

class UpstreamFaultsTest : public BalancerTest {
 protected:
  // A port at which nobody listens.
  static std::uint16_t closed_port() {
    return RawServer([](RawPeer&) {}).port();
  }
  // All requests on one connection, so that all come to the same loop.
  std::string ask(RawClient& client, const std::string& request) {
    client.send(request);
    return client.read_response();
  }
  static RawServer::Script breaks_off() {
    return [](RawPeer& peer) {
      (void)peer.read_request();
      peer.reset();
    };
  }
};

TEST_F(UpstreamFaultsTest, AHostThatIsGoneIsAskedOnceAndAnotherAnswers) {
  Host& gone = add_host_at(closed_port());
  add_host(named("b"));
  RawClient client(start());
  for (int i = 0; i < 20; ++i) EXPECT_THAT(ask(client, kWrite), EndsWith("b: /v1/documents"));
  EXPECT_LE(gone.connect_failures, 20u);
  EXPECT_GT(gone.connect_failures, 0u);
}

TEST_F(UpstreamFaultsTest, WithoutAnyHostTheClientIsToldAndMayGoOn) {
  Host& gone = add_host_at(closed_port());
  RawClient client(start());
  for (int i = 0; i < 3; ++i) {
    const std::string response = ask(client, kWrite);
    EXPECT_THAT(response, StartsWith("HTTP/1.1 502 "));
    EXPECT_THAT(response, HasSubstr("\"upstream_error\""));
    EXPECT_THAT(response, Not(HasSubstr("127.0.0.1")));
  }
  EXPECT_EQ(gone.connect_failures, 3u);
}

TEST_F(UpstreamFaultsTest, WhatDoesNoHarmTwiceIsAskedOfAnother) {
  RawServer& bad = add_host(breaks_off());
  add_host(named("b"));
  RawClient client(start());
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(ask(client, kGet), EndsWith("b: /x"));
    EXPECT_THAT(ask(client, kAsk), EndsWith("b: /v1/query"));
  }
  EXPECT_GT(bad.connections(), 0);
}

TEST_F(UpstreamFaultsTest, AWriteThatMayHaveHappenedIsNotDoneTwice) {
  RawServer& bad = add_host(breaks_off());
  RawClient client(start());
  EXPECT_THAT(ask(client, kWrite), StartsWith("HTTP/1.1 502 "));
  EXPECT_EQ(bad.connections(), 1);
}

TEST_F(UpstreamFaultsTest, ARequestThatIsNoLongerHereIsNotAskedAgain) {
  RawServer& bad = add_host(breaks_off());
  add_host(breaks_off());
  RawClient client(start());
  const std::string body(1'000'000, 'x');
  client.send("PUT /x HTTP/1.1\r\nHost: x\r\ncontent-length: 1000000\r\n\r\n" + body);
  EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 502 "));
  EXPECT_LE(bad.connections(), 1);
}

TEST_F(UpstreamFaultsTest, AConnectionThatTheHostClosedMeanwhileIsReplaced) {
  RawServer& server = add_host([](RawPeer& peer) {
    (void)peer.read_request();
    peer.send(answer("once"));
    if (peer.number == 0) {
      (void)peer.read_request(); // taken, and dropped
      peer.close();
    }
    (void)peer.read_request();
    peer.send(answer("again"));
    peer.wait_for_close();
  });
  RawClient client(start());
  EXPECT_THAT(ask(client, kGet), EndsWith("once"));
  EXPECT_THAT(ask(client, kGet), EndsWith("once")); // of the second connection
  EXPECT_EQ(server.connections(), 2);
  EXPECT_THAT(ask(client, kGet), EndsWith("again"));
}

TEST_F(UpstreamFaultsTest, IdleConnectionsThatAreClosedAreForgotten) {
  RawServer& server = add_host([&](RawPeer& peer) {
    (void)peer.read_request();
    peer.send(answer("once"));
    peer.close();
    ++count_;
  });
  RawClient client(start());
  for (std::size_t i = 1; i <= 5; ++i) {
    EXPECT_THAT(ask(client, kWrite), EndsWith("once"));
    await([&] { return count_ == i; });
    std::this_thread::sleep_for(20ms); // until the balancer has seen_ it
  }
  EXPECT_EQ(server.connections(), 5);
}

TEST_F(UpstreamFaultsTest, WhatIsNoAnswerIsNotPassedOn) {
  add_host([&](RawPeer& peer) {
    (void)peer.read_request();
    peer.send(says_.text());
    peer.wait_for_close();
  });
  const std::uint16_t port = start();
  for (const std::string& each :
       {"nonsense\r\n\r\n"s, "HTTP/2 200 OK\r\n\r\n"s, "HTTP/1.1 20 OK\r\n\r\n"s,
        "HTTP/1.1 2000 OK\r\n\r\n"s, "HTTP/1.1 099 OK\r\n\r\n"s, "HTTP/1.1 200 OK\n\n"s,
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"s,
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\na"s,
        "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\na"s, "HTTP/1.1 200 OK\r\n folded: a\r\n\r\n"s,
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n"s,
        "HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n"s, "HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n"s,
        "HTTP/1.1 200 OK\r\nx: " + std::string(BlockPool::kBlockBytes, 'a')}) {
    says_ = each;
    RawClient client(port);
    const std::string response = ask(client, kWrite);
    EXPECT_THAT(response, StartsWith("HTTP/1.1 502 ")) << each.substr(0, 60);
    EXPECT_THAT(ask(client, kWrite), StartsWith("HTTP/1.1 502 ")); // the client's is kept
  }
}

TEST_F(UpstreamFaultsTest, AnAnswerThatBreaksOffBreaksOffForTheClientToo) {
  add_host([&](RawPeer& peer) {
    (void)peer.read_request();
    peer.send(says_.text());
    peer.close();
  });
  const std::uint16_t port = start();
  for (const std::string& each :
       {"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"s,
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"s}) {
    says_ = each;
    RawClient client(port);
    client.send(kGet);
    const std::string response = client.read_to_end();
    EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK"));
    EXPECT_THAT(response, EndsWith("abc" + std::string(each.ends_with("\r\n") ? "\r\n" : "")));
    EXPECT_EQ(response.find("HTTP/1.1", 1), response.npos);
  }
  expect_nothing_left();
}

TEST_F(UpstreamFaultsTest, WhatComesBehindAnAnswerReachesNobody) {
  RawServer& server = add_host([](RawPeer& peer) {
    while (!peer.read_request().empty()) peer.send(answer("one") + answer("two"));
  });
  RawClient client(start());
  for (int i = 0; i < 5; ++i) EXPECT_THAT(ask(client, kGet), EndsWith("one"));
  EXPECT_EQ(server.connections(), 5);
}

TEST_F(UpstreamFaultsTest, AHostThatDoesNotAnswerInTimeIsGivenUp) {
  config_.response_timeout = 100ms;
  add_host([&](RawPeer& peer) {
    (void)peer.read_request();
    told_ = peer.wait_for_close();
  });
  RawClient client(start());
  const std::string response = ask(client, kWrite);
  EXPECT_THAT(response, StartsWith("HTTP/1.1 504 "));
  await([&] { return told_.load(); });
  EXPECT_THAT(ask(client, kWrite), StartsWith("HTTP/1.1 504 "));
}

TEST_F(UpstreamFaultsTest, AHostThatCannotBeConnectedToInTimeIsLeftForAnother) {
  config_.connect_timeout = 100ms;
  // A listener whose queue is full answers no further SYN.
  FileDescriptor full(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(full.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(full.get(), 0), 0);
  socklen_t size = sizeof address;
  ::getsockname(full.get(), reinterpret_cast<sockaddr*>(&address), &size);
  const RawClient fills(ntohs(address.sin_port));
  Host& stuck = add_host_at(ntohs(address.sin_port));
  add_host(named("b"));
  RawClient client(start());
  for (int i = 0; i < 4; ++i) EXPECT_THAT(ask(client, kWrite), EndsWith("b: /v1/documents"));
  EXPECT_GT(stuck.connect_failures, 0u);
}

// It is done with each at once, and so seems to have the least to do.
TEST_F(UpstreamFaultsTest, AHostThatTurnsRequestsAwayDoesNotAttractThem) {
  for (const auto strategy : {policy::Strategy::kLeastConnections, policy::Strategy::kPrequal}) {
    SCOPED_TRACE(policy::strategy_name(strategy));
    members_.clear();
    config_.strategy = strategy;
    config_.threads = 1;
    add_host([](RawPeer& peer) {
      while (!peer.read_request().empty()) {
        peer.send("HTTP/1.1 503 Busy\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n");
      }
    });
    Host& busy = host(0);
    for (int i = 0; i < 2; ++i) {
      add_host([](RawPeer& peer) {
        while (!peer.read_request().empty()) {
          std::this_thread::sleep_for(2ms);
          peer.send(answer("ok"));
        }
      });
    }
    const std::uint16_t port = start();
    std::vector<std::jthread> clients;
    for (int i = 0; i < 4; ++i) {
      clients.emplace_back([port] {
        RawClient client(port);
        for (int asked = 0; asked < 50; ++asked) {
          client.send(kWrite);
          (void)client.read_response();
        }
      });
    }
    clients.clear();
    EXPECT_GT(busy.answers[5], 0u);
    EXPECT_LT(busy.answers[5], 50u); // of 200; an equal share would be 67, and it was nearly all
    balancer_.reset();
  }
}

TEST_F(UpstreamFaultsTest, OfAnAnswerThatAClientDidNotWaitForItIsKnownThatItTakesLonger) {
  add_host([](RawPeer& peer) {
    (void)peer.read_request();
    peer.wait_for_close();
  });
  Host& slow = host(0);
  RawClient client(start());
  client.send(kAsk);
  await([&] { return slow.in_flight == 1; });
  std::this_thread::sleep_for(50ms);
  client.close();
  await([&] { return slow.in_flight == 0; });
  EXPECT_GE(slow.latency(), 40ms);
  EXPECT_FALSE(slow.failing); // else clients could have it ejected
}

} // namespace
} // namespace raglan::balancer
