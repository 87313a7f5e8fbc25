// The bound on the bytes of all request bodies together.
#include <algorithm>
#include <deque>

#include <fmt/chrono.h>

#include "http/server_fixture_test.h"

namespace raglan::http {
namespace {

std::string head(std::string_view path, std::string_view fields) {
  return "POST " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n" + std::string(fields) + "\r\n";
}

std::string post(std::string_view path, std::size_t body_bytes) {
  return head(path, "Content-Length: " + std::to_string(body_bytes) + "\r\n") +
         std::string(body_bytes, 'a');
}

std::string chunk(std::size_t size_bytes) {
  char line[24];
  std::snprintf(line, sizeof line, "%zx\r\n", size_bytes);
  return line + std::string(size_bytes, 'a') + "\r\n";
}

// A body may have 1000 bytes, all together 1500.
class ServerBodies : public ServerTest {
 protected:
  ServerBodies() {
    config_.limits.max_body_bytes = 1000;
    config_.max_bodies_bytes = 1500;
  }

  // A client whose handler sits on a body of so many bytes.
  RawClient& hold_body(std::size_t body_bytes, std::string_view path = "/hold") {
    auto& client = holding_.emplace_back(port());
    client.send(post(path, body_bytes));
    EXPECT_TRUE(wait_until_held());
    return client;
  }
  std::string answer_to(std::string_view request) {
    RawClient client(port());
    client.send(request);
    return client.read_response();
  }
  bool holds(std::uint64_t bytes) {
    return eventually([&] { return server_->body_bytes() == bytes; });
  }

  std::deque<RawClient> holding_;
};

TEST_F(ServerBodies, WhatExactlyFitsIsTakenAndOneByteMoreIsRefused) {
  start();
  auto& holder = hold_body(1000);
  EXPECT_EQ(server_->body_bytes(), 1000U);
  EXPECT_THAT(answer_to(post("/echo", 500)), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(server_->refused_bodies(), 0U);

  RawClient refused(port());
  refused.send(post("/echo", 501) + "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto refusal = refused.read_response();
  EXPECT_THAT(refusal, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(refusal, HasSubstr("\r\nretry-after: 1\r\n"));
  EXPECT_THAT(refusal, HasSubstr("\r\nconnection: close\r\n"));
  EXPECT_THAT(refusal, HasSubstr(R"("code":"overloaded")"));
  EXPECT_EQ(refused.read_to_end(), "");
  EXPECT_EQ(server_->refused_bodies(), 1U);
  EXPECT_THAT(answer_to("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"), EndsWith("hello"));

  release();
  EXPECT_THAT(holder.read_response(), EndsWith("held"));
  EXPECT_EQ(server_->body_bytes(), 0U) << "an answer has been read: nothing of its body is left";
  EXPECT_THAT(answer_to(post("/echo", 501)), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServerBodies, ChunksAreCountedAsTheyArrive) {
  start();
  hold_body(1000);
  const auto chunked = head("/echo", "Transfer-Encoding: chunked\r\n");
  EXPECT_THAT(answer_to(chunked + chunk(250) + chunk(250) + "0\r\n\r\n"),
              StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(server_->body_bytes(), 1000U);

  RawClient client(port());
  client.send(chunked + chunk(250));
  ASSERT_TRUE(holds(1250));
  client.send(chunk(251));
  EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 503 "));
  EXPECT_EQ(server_->body_bytes(), 1000U) << "a refused body is dropped before its refusal is read";
}

TEST_F(ServerBodies, AClientThatVanishesLeavesNothingBehind) {
  start();
  {
    RawClient client(port());
    client.send(head("/echo", "Content-Length: 1000\r\n") + std::string(400, 'a'));
    ASSERT_TRUE(holds(400));
  }
  EXPECT_TRUE(holds(0));
  hold_body(1000).close();
  EXPECT_TRUE(holds(0)) << "its handler was cancelled";
}

TEST_F(ServerBodies, WhoTakesABodyAlongTakesItsReservation) {
  start();
  EXPECT_THAT(answer_to(post("/take", 1000)), EndsWith("taken"));
  EXPECT_EQ(server_->body_bytes(), 1000U);
  EXPECT_THAT(answer_to(post("/echo", 501)), StartsWith("HTTP/1.1 503 "));
  server_.reset();
  taken_along_.with([](auto& taken) { taken.reset(); }); // the sanitizers are the judges
}

TEST_F(ServerBodies, AnAnnouncementHoldsNothing) {
  start();
  std::deque<RawClient> announcing;
  for (int i = 0; i < 16; ++i) {
    announcing.emplace_back(port()).send(head("/echo", "Content-Length: 1000\r\n") + "a");
  }
  ASSERT_TRUE(holds(16));
  EXPECT_THAT(answer_to(post("/echo", 1000)), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServerBodies, ABodyThatCannotFitIsNotAskedFor) {
  start();
  hold_body(1000);
  EXPECT_THAT(answer_to(head("/echo", "Expect: 100-continue\r\nContent-Length: 501\r\n")),
              StartsWith("HTTP/1.1 503 "));
}

TEST_F(ServerBodies, OneBodyAlwaysFits) {
  config_.max_bodies_bytes = 1;
  start();
  EXPECT_THAT(answer_to(post("/echo", 1000)), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServerBodies, AStreamKeepsItsBodyToItsEnd) {
  start();
  auto& client = hold_body(1000, "/held-stream");
  client.read_until("first");
  EXPECT_EQ(server_->body_bytes(), 1000U);
  release();
  client.read_until("0\r\n\r\n");
  EXPECT_TRUE(holds(0));
}

// A client that sends one byte every five seconds, and that nothing else would cut off.
class DrippingBody : public ServerBodies {
 protected:
  DrippingBody() {
    config_.min_bytes_per_second = 0;
    config_.busy_min_bytes_per_second = 100;
  }
  std::string drip_for_a_minute(std::uint64_t held_before) {
    RawClient client(port());
    client.send(head("/echo", "Content-Length: 12\r\n"));
    const auto cut_off = [&] { return server_->body_bytes() == held_before; };
    for (std::uint64_t sent = 1; sent < 12; ++sent) {
      client.send("a");
      const bool arrived = eventually(
          [&] { return server_->body_bytes() == held_before + sent || (sent > 1 && cut_off()); });
      if (!arrived || cut_off()) break;
      clock_.advance(seconds(5));
    }
    wait_for_sweep();
    if (!cut_off()) client.send("a");
    return client.read_response();
  }
  // A sweep looks at every connection of its loop, and brings the date of replies up to date. One
  // that comes between two sweeps, with the clock moved far, is cut off itself.
  void wait_for_sweep() {
    const auto now = std::chrono::floor<seconds>(clock_.wall_now());
    const std::string date = fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", now);
    EXPECT_TRUE(eventually(
        [&] { return answer_to("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").contains(date); }));
  }
};

TEST_F(DrippingBody, IsWaitedForWhileHalfOfTheRoomIsFree) {
  start(1);
  hold_body(750 - 12);
  EXPECT_THAT(drip_for_a_minute(750 - 12), StartsWith("HTTP/1.1 200 "));
}

TEST_F(DrippingBody, MustHurryWhenMoreThanHalfOfTheRoomIsHeld) {
  start(1);
  hold_body(750);
  EXPECT_THAT(drip_for_a_minute(750), StartsWith("HTTP/1.1 408 "));
}

TEST_F(ServerTest, ALargeBodyArrivesWhole) {
  start();
  RawClient client(port());
  std::string body(4 * 1024 * 1024, ' ');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>('a' + i % 23);
  client.send(head("/echo", "Content-Length: " + std::to_string(body.size()) + "\r\n") + body);
  EXPECT_TRUE(client.read_response().ends_with("\r\n\r\n" + body));
}

} // namespace
} // namespace raglan::http
