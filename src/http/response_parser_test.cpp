#include "http/response_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

namespace raglan::http {
namespace {

struct Outcome {
  std::optional<Error> error;
  bool done = false;
  bool open_ended = false; // only the end of the connection ends it
  ResponseHead head;
  std::string body;
  std::size_t used = 0;
};

struct Options {
  ResponseLimits limits;
  bool bodiless = false;
};

// Feeds the input cut in two, or in pieces, as a connection would: what is not used up is shown
// again, with more.
Outcome parse_cut(std::string_view input, std::size_t first_bytes, std::size_t piece_bytes,
                  const Options& options) {
  ResponseParser parser(options.limits, options.bodiless);
  Outcome outcome;
  std::size_t shown = 0;
  while (!parser.done() && shown < input.size()) {
    shown = std::min(input.size(), shown + (shown == 0 ? first_bytes : piece_bytes));
    while (!parser.done()) {
      auto used =
          parser.feed(input.substr(outcome.used, shown - outcome.used), outcome.head, outcome.body);
      if (!used) {
        outcome.error = used.error();
        return outcome;
      }
      outcome.used += *used;
      if (*used == 0) break;
    }
  }
  outcome.done = parser.done();
  outcome.open_ended = parser.ends_with_connection();
  return outcome;
}

void expect_same(const Outcome& cut, const Outcome& whole, std::size_t where) {
  EXPECT_EQ(cut.error.has_value(), whole.error.has_value()) << "cut at " << where;
  EXPECT_EQ(cut.done, whole.done) << "cut at " << where;
  if (whole.error) return;
  EXPECT_EQ(cut.head.status, whole.head.status) << "cut at " << where;
  EXPECT_EQ(cut.head.headers.size(), whole.head.headers.size()) << "cut at " << where;
  EXPECT_EQ(cut.body, whole.body) << "cut at " << where;
  EXPECT_EQ(cut.used, whole.used) << "cut at " << where;
}

// The outcome must not depend on where the input is cut: in two at every byte, and byte by byte.
Outcome parse(std::string_view input, const Options& options = {}) {
  const auto whole = parse_cut(input, input.size(), input.size(), options);
  for (std::size_t cut = 1; cut < input.size(); ++cut) {
    expect_same(parse_cut(input, cut, input.size(), options), whole, cut);
  }
  expect_same(parse_cut(input, 1, 1, options), whole, 1);
  if (whole.error) EXPECT_EQ(whole.error->code, ErrorCode::kUpstream) << whole.error->message;
  return whole;
}

bool is_refused(std::string_view input, const Options& options = {}) {
  return parse(input, options).error.has_value();
}

TEST(ResponseParser, TakesAResponseApart) {
  const auto outcome =
      parse("HTTP/1.1 201 Made it \r\nX-Y:  z \r\nContent-Length: 4\r\n\r\nbodyNEXT");
  ASSERT_TRUE(outcome.done);
  EXPECT_EQ(outcome.head.status, 201);
  EXPECT_EQ(outcome.head.headers.get("x-y"), "z");
  EXPECT_EQ(outcome.body, "body");
  EXPECT_TRUE(outcome.head.keep_alive);
  EXPECT_EQ(outcome.used, std::string_view("HTTP/1.1 201 Made it \r\nX-Y:  z \r\n"
                                           "Content-Length: 4\r\n\r\nbody")
                              .size());
}

TEST(ResponseParser, TheReasonMayBeMissing) {
  EXPECT_TRUE(parse("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n").done);
  EXPECT_TRUE(parse("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n").done);
}

TEST(ResponseParser, WhatIsNotAStatusLineIsRefused) {
  for (const auto* line :
       {"", "SSH-2.0-OpenSSH_9.2", "HTTP/2 200 OK", "HTTP/1.2 200 OK", "http/1.1 200 OK",
        "HTTP/1.1  200 OK", "HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 2x0 OK",
        "HTTP/1.1 -20 OK", "HTTP/1.1 099 OK", "HTTP/1.1 200OK", "HTTP/1.1", " HTTP/1.1 200 OK"}) {
    EXPECT_TRUE(is_refused(std::string(line) + "\r\nContent-Length: 0\r\n\r\n")) << line;
  }
}

TEST(ResponseParser, ChunksAreJoinedAndTrailersDropped) {
  const auto outcome = parse(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\none\r\nA;x=y\r\n and then \r\n0\r\nX-Trailer: 1\r\n\r\n");
  ASSERT_TRUE(outcome.done);
  EXPECT_EQ(outcome.body, "one and then ");
  EXPECT_FALSE(outcome.head.headers.contains("x-trailer"));
}

TEST(ResponseParser, BrokenChunksAreRefused) {
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_TRUE(is_refused(head + "zz\r\n"));
  EXPECT_TRUE(is_refused(head + "2\r\nabc\r\n"));
  EXPECT_TRUE(is_refused(head + "-1\r\n"));
  EXPECT_TRUE(is_refused(head + "11111111111111111\r\n"));
}

TEST(ResponseParser, WithoutAFramingTheConnectionEndsTheBody) {
  const auto outcome = parse("HTTP/1.1 200 OK\r\n\r\nall there is");
  EXPECT_FALSE(outcome.done);
  EXPECT_TRUE(outcome.open_ended);
  EXPECT_EQ(outcome.body, "all there is");
  EXPECT_FALSE(outcome.head.keep_alive);
}

TEST(ResponseParser, SomeAnswersHaveNoBodyWhateverTheySay) {
  for (const auto* status : {"204", "304"}) {
    const auto outcome =
        parse("HTTP/1.1 " + std::string(status) + " x\r\nContent-Length: 10\r\n\r\n");
    EXPECT_TRUE(outcome.done) << status;
    EXPECT_TRUE(outcome.head.keep_alive) << status;
  }
  EXPECT_TRUE(parse("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", {.bodiless = true}).done);
  EXPECT_FALSE(parse("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n").done);
}

TEST(ResponseParser, InterimResponsesArePassedOver) {
  const auto outcome = parse(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  ASSERT_TRUE(outcome.done);
  EXPECT_EQ(outcome.head.status, 200);
  EXPECT_FALSE(outcome.head.headers.contains("link"));
  EXPECT_EQ(outcome.body, "ok");
}

TEST(ResponseParser, AnEndlessRowOfInterimResponsesIsRefused) {
  ResponseParser parser({.max_header_bytes = 1000}, false);
  ResponseHead head;
  std::string body;
  bool refused = false;
  for (int i = 0; i < 100 && !refused; ++i) {
    refused = !parser.feed("HTTP/1.1 100 Continue\r\n\r\n", head, body).has_value();
  }
  EXPECT_TRUE(refused);
}

TEST(ResponseParser, AProtocolSwitchWasNotAskedFor) {
  EXPECT_TRUE(is_refused("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"));
}

TEST(ResponseParser, KeepAliveFollowsVersionAndConnection) {
  const std::string rest = "Content-Length: 0\r\n\r\n";
  EXPECT_TRUE(parse("HTTP/1.1 200 OK\r\n" + rest).head.keep_alive);
  EXPECT_FALSE(parse("HTTP/1.1 200 OK\r\nConnection: close\r\n" + rest).head.keep_alive);
  EXPECT_FALSE(parse("HTTP/1.0 200 OK\r\n" + rest).head.keep_alive);
  EXPECT_TRUE(parse("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + rest).head.keep_alive);
}

TEST(ResponseParser, AmbiguousFramingIsRefused) {
  const std::string line = "HTTP/1.1 200 OK\r\n";
  EXPECT_TRUE(is_refused(line + "Content-Length: 1\r\nContent-Length: 1\r\n\r\na"));
  EXPECT_TRUE(is_refused(line + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"));
  EXPECT_TRUE(is_refused(line + "Content-Length: +1\r\n\r\na"));
  EXPECT_TRUE(is_refused(line + "Transfer-Encoding: gzip, chunked\r\n\r\n"));
  EXPECT_TRUE(is_refused("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
}

TEST(ResponseParser, BareLineFeedsAndFoldsAreRefused) {
  EXPECT_TRUE(is_refused("HTTP/1.1 200 OK\n\n"));
  EXPECT_TRUE(is_refused("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"));
  EXPECT_TRUE(is_refused("HTTP/1.1 200 OK\r\nA : b\r\n\r\n"));
}

TEST(ResponseParser, HoldsTheLimitsExactly) {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
  EXPECT_TRUE(parse(head + "12345", {.limits = {.max_header_bytes = head.size()}}).done);
  EXPECT_TRUE(is_refused(head + "12345", {.limits = {.max_header_bytes = head.size() - 1}}));
  EXPECT_TRUE(parse(head + "12345", {.limits = {.max_headers = 1}}).done);
  EXPECT_TRUE(is_refused(head + "12345", {.limits = {.max_headers = 0}}));
  EXPECT_TRUE(parse(head + "12345", {.limits = {.max_body_bytes = 5}}).done);
  EXPECT_TRUE(is_refused(head + "12345", {.limits = {.max_body_bytes = 4}}));
}

TEST(ResponseParser, BodiesOfUnknownLengthAreLimitedToo) {
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_TRUE(parse(chunked + "5\r\n12345\r\n0\r\n\r\n", {.limits = {.max_body_bytes = 5}}).done);
  EXPECT_TRUE(is_refused(chunked + "5\r\n12345\r\n1\r\n", {.limits = {.max_body_bytes = 5}}));
  const std::string open_ended = "HTTP/1.1 200 OK\r\n\r\n12345";
  EXPECT_FALSE(is_refused(open_ended, {.limits = {.max_body_bytes = 5}}));
  EXPECT_TRUE(is_refused(open_ended + "6", {.limits = {.max_body_bytes = 5}}));
}

} // namespace
} // namespace raglan::http
