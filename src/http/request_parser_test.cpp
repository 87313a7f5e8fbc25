#include "http/request_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

namespace raglan::http {
namespace {

struct Outcome {
  std::optional<ErrorCode> error;
  bool done = false;
  Request request;
  std::size_t used = 0;
};

// Feeds the input in pieces as a connection would: what is not used up is shown again, with more.
Outcome parse_in_pieces(std::string_view input, std::size_t piece_bytes,
                        const RequestLimits& limits = {}) {
  RequestParser parser(limits);
  Outcome outcome;
  std::size_t shown = 0;
  while (!parser.done()) {
    shown = std::min(input.size(), shown + piece_bytes);
    while (!parser.done()) {
      auto used = parser.feed(input.substr(outcome.used, shown - outcome.used), outcome.request);
      if (!used) {
        outcome.error = used.error().code;
        return outcome;
      }
      outcome.used += *used;
      if (*used == 0) break;
    }
    if (shown == input.size()) break;
  }
  outcome.done = parser.done();
  return outcome;
}

// The outcome must not depend on where the input is cut: whole, in two at every byte, byte by byte.
Outcome parse(std::string_view input, const RequestLimits& limits = {}) {
  auto whole = parse_in_pieces(input, input.size(), limits);
  for (std::size_t piece = 1; piece < input.size(); ++piece) {
    const auto cut = parse_in_pieces(input, piece, limits);
    EXPECT_EQ(cut.error, whole.error) << "pieces of " << piece;
    EXPECT_EQ(cut.done, whole.done) << "pieces of " << piece;
    EXPECT_EQ(cut.request.body, whole.request.body) << "pieces of " << piece;
    EXPECT_EQ(cut.used, whole.error ? cut.used : whole.used) << "pieces of " << piece;
  }
  return whole;
}

std::string with_fields(std::string_view fields) {
  return "POST /a HTTP/1.1\r\nHost: x\r\n" + std::string(fields) + "\r\n";
}

std::optional<ErrorCode> error_of(std::string_view input) { return parse(input).error; }
std::string chunked(std::string_view body) {
  return with_fields("Transfer-Encoding: chunked\r\n") + std::string(body);
}

TEST(RequestParser, TakesARequestApart) {
  const auto outcome =
      parse("GET /a%20b?c=d&e HTTP/1.1\r\nHost: h\r\nX-Y:  z \r\nEmpty:\r\n\r\nNEXT");
  ASSERT_TRUE(outcome.done);
  const auto& request = outcome.request;
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.target, "/a%20b?c=d&e");
  EXPECT_EQ(request.path, "/a%20b");
  EXPECT_EQ(request.query, "c=d&e");
  EXPECT_EQ(request.headers.get("x-y"), "z");
  EXPECT_TRUE(request.headers.contains("EMPTY"));
  EXPECT_EQ(request.headers.get("empty"), "");
  EXPECT_TRUE(request.keep_alive);
  EXPECT_EQ(outcome.used,
            std::string_view("GET /a%20b?c=d&e HTTP/1.1\r\nHost: h\r\nX-Y:  z \r\nEmpty:\r\n\r\n")
                .size());
}

TEST(RequestParser, TakesTheAbsoluteFormOfAProxy) {
  const auto outcome = parse("GET http://h:80/a?b HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(outcome.done);
  EXPECT_EQ(outcome.request.path, "/a");
  EXPECT_EQ(outcome.request.query, "b");
  EXPECT_EQ(parse("GET http://h HTTP/1.1\r\nHost: h\r\n\r\n").request.path, "/");
}

TEST(RequestParser, SkipsEmptyLinesBeforeARequest) {
  EXPECT_TRUE(parse("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n").done);
}

TEST(RequestParser, KeepAliveFollowsTheVersionAndConnection) {
  EXPECT_FALSE(parse("GET / HTTP/1.0\r\n\r\n").request.keep_alive);
  EXPECT_TRUE(parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").request.keep_alive);
  EXPECT_FALSE(
      parse("GET / HTTP/1.1\r\nHost: h\r\nConnection: x, CLOSE\r\n\r\n").request.keep_alive);
}

TEST(RequestParser, RefusesBadRequestLines) {
  for (const char* line :
       {"GET /", "GET  / HTTP/1.1", "GET / HTTP/1.1 ", " GET / HTTP/1.1", "G(T / HTTP/1.1",
        "GET / http/1.1", "GET / HTTP/1.2", "GET / HTTP/2.0", "GET / HTTP/1.1x", "GET a HTTP/1.1",
        "GET /a b HTTP/1.1", "GET /#a HTTP/1.1", "GET /\x01 HTTP/1.1", "GET /\x80 HTTP/1.1",
        "GET /\t HTTP/1.1", "GET * HTTP/1.1", "CONNECT h:1 HTTP/1.1", "GET ftp://h/ HTTP/1.1"}) {
    EXPECT_EQ(error_of(std::string(line) + "\r\nHost: h\r\n\r\n"), ErrorCode::kMalformedRequest)
        << line;
  }
}

TEST(RequestParser, RefusesBadFields) {
  for (const char* field : {"A", ":b", "A : b", "A\t: b", " A: b", "A: b\r\n c", "A: b\r\n\tc",
                            "A: b\x01", "A: b\x7f", "A: b\rc", "A\x80: b", "A(: b"}) {
    EXPECT_EQ(error_of(with_fields(std::string(field) + "\r\n")), ErrorCode::kMalformedRequest)
        << field;
  }
  const std::string nul("A: b\0c\r\n", 8);
  EXPECT_EQ(error_of(with_fields(nul)), ErrorCode::kMalformedRequest);
}

TEST(RequestParser, RefusesBareLineFeeds) {
  EXPECT_EQ(error_of("GET / HTTP/1.1\nHost: h\r\n\r\n"), ErrorCode::kMalformedRequest);
  EXPECT_EQ(error_of("GET / HTTP/1.1\r\nHost: h\n\r\n"), ErrorCode::kMalformedRequest);
  EXPECT_EQ(error_of("GET / HTTP/1.1\r\nHost: h\r\n\n"), ErrorCode::kMalformedRequest);
}

TEST(RequestParser, ReadsABodyOfKnownLength) {
  const auto outcome = parse(with_fields("Content-Length: 5\r\n") + "abcdeNEXT");
  ASSERT_TRUE(outcome.done);
  EXPECT_EQ(outcome.request.body, "abcde");
}

TEST(RequestParser, RefusesBadLengths) {
  for (const char* length : {"", "-1", "+1", "1 2", "1,1", "0x1", "1a", "18446744073709551616"}) {
    EXPECT_EQ(error_of(with_fields("Content-Length: " + std::string(length) + "\r\n")),
              ErrorCode::kMalformedRequest)
        << length;
  }
  EXPECT_EQ(error_of(with_fields("Content-Length: 1\r\nContent-Length: 1\r\n")),
            ErrorCode::kMalformedRequest);
}

TEST(RequestParser, ReadsChunks) {
  const auto outcome =
      parse(chunked("3\r\nabc\r\n00A;x=\"y\"\r\n0123456789\r\n0\r\nT: u\r\n\r\nNEXT"));
  ASSERT_TRUE(outcome.done);
  EXPECT_EQ(outcome.request.body, "abc0123456789");
  EXPECT_FALSE(outcome.request.headers.contains("t"));
}

TEST(RequestParser, RefusesBadChunks) {
  for (const char* body :
       {"\r\n", "x\r\n", "-1\r\n", "+1\r\na\r\n", "0x1\r\na\r\n", "1 \r\na\r\n", " 1\r\na\r\n",
        "1\na\r\n", "1\r\nab", "1\r\na\n", "1\r\na\r0", "fffffffffffffffff\r\n", "1;\x01\r\na\r\n",
        "0\r\nbad trailer\r\n\r\n", "0\r\n\n"}) {
    EXPECT_EQ(error_of(chunked(body)), ErrorCode::kMalformedRequest) << body;
  }
  EXPECT_EQ(error_of(chunked("1;" + std::string(2000, 'a'))), ErrorCode::kMalformedRequest);
}

TEST(RequestParser, RefusesWhatTwoReadersCouldFrameDifferently) {
  EXPECT_EQ(error_of(with_fields("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n")),
            ErrorCode::kMalformedRequest);
  EXPECT_EQ(error_of(with_fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")),
            ErrorCode::kMalformedRequest);
  EXPECT_EQ(error_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
            ErrorCode::kMalformedRequest);
  for (const char* coding : {"gzip", "identity", "gzip, chunked", "chunked, gzip", "xchunked",
                             "chunked;q=1", "\"chunked\"", ""}) {
    EXPECT_EQ(error_of(with_fields("Transfer-Encoding: " + std::string(coding) + "\r\n")),
              ErrorCode::kNotImplemented)
        << coding;
  }
}

TEST(RequestParser, LimitsApplyAtTheirExactByte) {
  const std::string head = "GET /12345 HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n";
  RequestLimits limits{.max_header_bytes = head.size(),
                       .max_headers = 2,
                       .max_target_bytes = 6,
                       .max_body_bytes = 3};
  EXPECT_TRUE(parse(head, limits).done);
  limits.max_header_bytes -= 1;
  EXPECT_EQ(parse(head, limits).error, ErrorCode::kHeadersTooLarge);
  limits.max_header_bytes += 1;
  limits.max_headers = 1;
  EXPECT_EQ(parse(head, limits).error, ErrorCode::kHeadersTooLarge);
  limits.max_headers = 2;
  limits.max_target_bytes = 5;
  EXPECT_EQ(parse(head, limits).error, ErrorCode::kUriTooLong);

  limits = {.max_body_bytes = 3};
  EXPECT_TRUE(parse(with_fields("Content-Length: 3\r\n") + "abc", limits).done);
  EXPECT_EQ(parse(with_fields("Content-Length: 4\r\n"), limits).error, ErrorCode::kTooLarge);
  EXPECT_TRUE(parse(chunked("2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"), limits).done);
  EXPECT_EQ(parse(chunked("2\r\nab\r\n2\r\n"), limits).error, ErrorCode::kTooLarge);
}

TEST(RequestParser, IsReadyForTheNextRequestAfterReset) {
  const RequestLimits limits;
  RequestParser parser(limits);
  Request request;
  const std::string first = with_fields("Transfer-Encoding: chunked\r\n");
  ASSERT_EQ(parser.feed(first, request), first.size());
  ASSERT_EQ(parser.feed("0\r\n\r\n", request), 5U);
  ASSERT_TRUE(parser.done());
  parser.reset();
  request.clear();
  EXPECT_FALSE(parser.started());
  ASSERT_TRUE(parser.feed("GET / HTTP/1.1\r\nHost: h\r\n\r\n", request).has_value());
  EXPECT_TRUE(parser.done());
  EXPECT_EQ(request.headers.size(), 1U);
}

} // namespace
} // namespace raglan::http
