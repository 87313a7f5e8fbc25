// What requests and responses have in common on the wire (RFC 9112): lines, header fields, and how
// a body is framed.
//
// Strict where leniency lets two programs on the same path see different messages (request
// smuggling): lines end in CRLF and a bare CR or LF is an error; no folded fields; no space before
// the colon; no control characters; one Content-Length at most, digits only, and never beside
// Transfer-Encoding; the only transfer coding is "chunked".
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "http/headers.h"

namespace raglan::http {

struct Line {
  std::string_view text;  // without the CRLF
  std::size_t size_bytes; // with it
};
// The first line of `input`; nullopt when its end has not arrived. Errors: kMalformedRequest for a
// LF without CR before it, or a CR without LF behind it.
Result<std::optional<Line>> first_line(std::string_view input);

bool is_token(std::string_view text); // RFC 9110, 5.6.2; false when empty

struct Framing {
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
  bool close = false;      // "Connection: close"
  bool keep_alive = false; // "Connection: keep-alive"
};

// The name and the value of a field line. Errors: kMalformedRequest.
Result<Header> split_field(std::string_view line);
// Notes what the field says about framing. Errors: kMalformedRequest; kNotImplemented for a
// transfer coding other than chunked.
Result<> note_framing(const Header& field, Framing& framing);

// Both, for a line whose field goes into `headers`.
Result<> parse_field(std::string_view line, Headers& headers, Framing& framing);

// To be asked once all fields are there: kMalformedRequest when they contradict each other.
Result<> check_framing(const Framing& framing, int minor_version);

// "HTTP/1.0" or "HTTP/1.1" to 0 or 1; empty for anything else.
std::optional<int> parse_version(std::string_view text);

} // namespace raglan::http
