// A response as a handler makes it: plain values, or a stream of writes.
//
// Content-Length, Transfer-Encoding, Connection and Date are the server's to write; a handler that
// sets them is ignored. A response with a `stream` has no `body`: the server sends the head, then
// runs the function, which writes as long as it likes:
//
//   Response response;
//   response.headers.add("content-type", "text/event-stream");
//   response.stream = [events = std::move(events)](StreamWriter& out) -> net::Task<Result<>> {
//     for (const auto& event : events) {
//       auto written = co_await out.write(event);
//       if (!written) co_return forward_error(written);
//     }
//     co_return Result<>();
//   };
//
// The function lives until its coroutine has ended, so it may capture and use by name. When it
// returns an error the connection is cut without the closing chunk: the client sees that the answer
// is not whole.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/headers.h"
#include "net/task.h"

namespace raglan::http {

class StreamWriter {
 public:
  virtual ~StreamWriter() = default;
  // Sends the bytes now, as one chunk, and returns once the socket has taken them all: a slow
  // reader slows the writer down. Writing nothing is no operation. Errors: kClientClosed when the
  // client is gone or has read too slowly.
  virtual net::Task<Result<>> write(std::string_view bytes) = 0;
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
  std::function<net::Task<Result<>>(StreamWriter&)> stream;
  // So many bytes at the front of `body` are not sent. Where the head fits in there, both leave in
  // one piece without being copied together.
  std::size_t head_room_bytes = 0;
};

// Enough for the head of an answer.
inline constexpr std::size_t kHeadRoomBytes = 512;

// The reason phrase of a status ("Not Found"); "Unknown" for one that is not in the registry.
std::string_view reason_phrase(int status);

Response json_response(int status, std::string body);
Response text_response(int status, std::string body);

// The head of a message, up to and including the empty line, appended to `out`. The server's own
// fields (content-length, transfer-encoding, connection, date; x-request-id, if there is one in the
// options) in `response.headers` are left out;
// control characters in values become spaces, so that no value can start a new field.
struct HeadOptions {
  std::string_view date;       // an IMF-fixdate; empty: no Date field
  std::string_view request_id; // the request's; empty: no field of ours
  bool chunked = false;        // otherwise Content-Length is body_bytes
  bool length_known = true;    // false: neither; the body ends with the connection
  std::size_t body_bytes = 0;
  bool close = false;               // "Connection: close"
  bool announce_keep_alive = false; // "Connection: keep-alive", for HTTP/1.0 clients
};
void append_head(std::string& out, const Response& response, const HeadOptions& options);

// Whether a response of this status may carry a body (1xx, 204 and 304 may not).
bool status_has_body(int status);

} // namespace raglan::http
