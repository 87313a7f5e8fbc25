// The seam behind which requests are taken off the wire. Incremental; the input may be cut
// anywhere.
//
// Written here rather than on Boost.Beast's basic_parser (1.81): that one keeps no limit on a head
// that arrives in parts, unfolds folded fields, accepts repeated Content-Length fields and passes
// over unknown transfer codings. What is left once all that is forbidden is three small files:
// message_fields, body_decoder and this one.
//
//   RequestParser parser(limits);
//   auto used = parser.feed(input, request);  // consume *used bytes; feed the rest with more
//   if (parser.head_done()) ...               // the request's head can be looked at
//   if (parser.done()) ...                    // the request is whole; reset() for the next
//
// After an error the connection is of no further use: where the next message starts is unknown.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "config/table.h"
#include "http/body_decoder.h"
#include "http/message_fields.h"
#include "http/request.h"

namespace raglan::http {

struct RequestLimits {
  std::size_t max_header_bytes = 32 * 1024; // request line and fields together
  std::size_t max_headers = 100;
  std::size_t max_target_bytes = 8 * 1024;
  std::uint64_t max_body_bytes = 16 * 1024 * 1024;
};

inline void describe(config::Table<RequestLimits>& table) {
  table
      .bytes("max_header_bytes", &RequestLimits::max_header_bytes,
             "request line and header fields together; more is answered 431")
      .min(512)
      .max(1024 * 1024);
  table.field("max_headers", &RequestLimits::max_headers, "header fields; more are answered 431")
      .min(10)
      .max(10'000);
  table
      .bytes("max_target_bytes", &RequestLimits::max_target_bytes,
             "path and query together; more is answered 414")
      .min(64)
      .max(1024 * 1024);
  table
      .bytes("max_body_bytes", &RequestLimits::max_body_bytes,
             "body after decoding; more is answered 413")
      .min(1)
      .max(std::uint64_t{4} << 30);
}

class RequestParser {
 public:
  explicit RequestParser(const RequestLimits& limits) : limits_(limits) {}

  // How many bytes of the input's front are used up. Stops at the end of the head and at the end of
  // the message, so that the caller can act in between. Errors, by code: kMalformedRequest,
  // kUriTooLong, kHeadersTooLarge, kTooLarge, kNotImplemented.
  Result<std::size_t> feed(std::string_view input, Request& request);

  bool started() const { return state_ != State::kRequestLine || header_bytes_ > 0; }
  bool head_done() const { return state_ == State::kBody; }
  bool done() const { return state_ == State::kBody && body_.done(); }
  bool expects_continue() const { return expects_continue_; }
  std::uint64_t body_remaining_bytes() const { return body_.remaining_bytes(); }
  void reset();

 private:
  enum class State { kRequestLine, kFields, kBody };

  Result<std::size_t> feed_head(std::string_view input, Request& request);
  Result<> on_line(std::string_view line, Request& request);
  Result<> on_request_line(std::string_view line, Request& request);
  Result<> on_head_end(Request& request);
  // What is too large when the head is: its first line, or its fields.
  std::unexpected<Error> head_too_large() const;

  const RequestLimits& limits_;
  State state_ = State::kRequestLine;
  std::size_t header_bytes_ = 0;
  Framing framing_;
  BodyDecoder body_;
  bool expects_continue_ = false;
};

} // namespace raglan::http
