// The client's seam behind which responses are taken off the wire. Incremental; the input may be
// cut anywhere. As strict as the request parser and for the same reason: see message_fields.h.
//
// Interim responses (1xx) are passed over, and count towards the limit of the head. How the body
// ends follows RFC 9112, 6.3: none after HEAD, 204 and 304; then chunks, a length, or the end of
// the connection.
//
//   ResponseParser parser(limits, method == "HEAD");
//   auto used = parser.feed(input, head, body);  // consume *used bytes; feed the rest with more
//   if (parser.head_done()) ...                  // status and fields can be looked at
//   if (parser.done()) ...                       // the message is whole
//
// Every error is kUpstream: whatever is wrong with an answer is the upstream's fault, and the
// connection is of no further use.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/body_decoder.h"
#include "http/message_fields.h"

namespace raglan::http {

struct ResponseLimits {
  std::size_t max_header_bytes = 64 * 1024; // status lines and fields together, interim ones too
  std::size_t max_headers = 200;
  std::uint64_t max_body_bytes = 64 * 1024 * 1024;
};

struct ResponseHead {
  int status = 0;
  int minor_version = 1;
  Headers headers;
  bool keep_alive = false; // whether the server leaves the connection open afterwards
};

class ResponseParser {
 public:
  // `bodiless`: the request was a HEAD.
  ResponseParser(const ResponseLimits& limits, bool bodiless)
      : limits_(limits), bodiless_(bodiless) {}

  // How many bytes of the input's front are used up; the body's are appended to `body`. Stops at
  // the end of the head and at the end of the message.
  Result<std::size_t> feed(std::string_view input, ResponseHead& head, std::string& body);

  bool head_done() const { return state_ == State::kBody; }
  bool done() const { return state_ == State::kBody && body_.done(); }
  // Only the end of the connection ends the body.
  bool ends_with_connection() const {
    return state_ == State::kBody && body_.ends_with_connection();
  }

 private:
  enum class State { kStatusLine, kFields, kBody };

  Result<std::size_t> feed_head(std::string_view input, ResponseHead& head);
  Result<> on_line(std::string_view line, ResponseHead& head);
  Result<> on_status_line(std::string_view line, ResponseHead& head);
  Result<> on_head_end(ResponseHead& head);

  const ResponseLimits limits_;
  const bool bodiless_;
  State state_ = State::kStatusLine;
  std::size_t header_bytes_ = 0;
  Framing framing_;
  BodyDecoder body_;
};

} // namespace raglan::http
