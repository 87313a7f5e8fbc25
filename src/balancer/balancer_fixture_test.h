// A balancer on loopback in front of hosts that do what a test tells them to.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "balancer/balancer.h"
#include "base/guarded.h"
#include "http/raw_client_test.h"
#include "http/raw_server_test.h"

namespace raglan::balancer {

using http::RawClient;
using http::RawPeer;
using http::RawServer;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using namespace std::chrono_literals;

// Written by one thread and read by another.
class Note {
 public:
  Note& operator=(std::string text) {
    text_.with([&](std::string& kept) { kept = std::move(text); });
    return *this;
  }
  Note& operator+=(std::string_view more) {
    text_.with([&](std::string& kept) { kept += more; });
    return *this;
  }
  std::string text() const {
    return text_.with([](const std::string& kept) { return kept; });
  }

 private:
  Guarded<std::string> text_;
};

class BalancerTest : public ::testing::Test {
 protected:
  // Answers each request with "NAME: " and the request's target.
  static RawServer::Script named(std::string name) {
    return [name = std::move(name)](RawPeer& peer) {
      for (std::string request = peer.read_request(); !request.empty();
           request = peer.read_request()) {
        const std::size_t begin = request.find(' ') + 1;
        peer.send(answer(name + ": " + request.substr(begin, request.find(' ', begin) - begin)));
      }
    };
  }
  static std::string answer(std::string_view body, std::string_view fields = {}) {
    return "HTTP/1.1 200 OK\r\n" + std::string(fields) +
           "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
  }

  RawServer& add_host(RawServer::Script script) {
    servers_.push_back(std::make_unique<RawServer>(std::move(script)));
    add_host_at(servers_.back()->port());
    return *servers_.back();
  }
  Host& add_host_at(std::uint16_t port) {
    HostAddress host{"127.0.0.1:" + std::to_string(port), {}, sizeof(sockaddr_in)};
    auto& address = reinterpret_cast<sockaddr_in&>(host.address);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    members_.push_back({std::move(host)});
    fleet_.set(members_);
    return *fleet_.hosts()->back();
  }
  Host& host(std::size_t place) { return *fleet_.hosts()->at(place); }
  std::uint16_t start() {
    balancer_ = std::make_unique<Balancer>(config_, routes_, fleet_, own_);
    auto listener = net::Listener::open({});
    EXPECT_TRUE(listener);
    EXPECT_TRUE(balancer_->listen(std::move(*listener)));
    return balancer_->port();
  }
  static void await(const std::function<bool()>& reached) {
    for (int i = 0; i < 2'000 && !reached(); ++i) std::this_thread::sleep_for(5ms);
    ASSERT_TRUE(reached());
  }
  // What is left when everybody is gone.
  void expect_nothing_left() {
    await([&] { return balancer_->connections() == 0; });
    for (const auto& host : *fleet_.hosts()) {
      await([&] { return host->in_flight == 0; });
    }
  }

  BalancerConfig config_{.strategy = policy::Strategy::kLeastConnections, .threads = 2};
  // What hosts have seen and been told: they outlive the test's own variables.
  Note seen_;
  Note says_;
  std::atomic<bool> told_ = false;
  std::atomic<std::size_t> count_ = 0;

  OwnAnswers own_;
  std::vector<RouteConfig> routes_;
  std::vector<Fleet::Member> members_;
  Fleet fleet_;
  std::vector<std::unique_ptr<RawServer>> servers_; // before the balancer: it goes first
  std::unique_ptr<Balancer> balancer_;
};

} // namespace raglan::balancer
