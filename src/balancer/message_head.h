// The head of a request or a response, as a proxy needs it: where its parts lie in the buffer in
// which it came, what frames its body, and which fields are between two neighbours only.
//
// As strict as http/message_fields.h, by its functions: what two programs on the same path could
// read as different messages is refused, and nothing of it is passed on.
//
//   HeadScanner scanner;
//   auto end = scanner.find_end(buffer.bytes()); // again when there is more behind these bytes
//   if (end && *end > 0) parse_request_head(buffer.bytes().substr(0, *end), limits, head);
//
// Thread safety: values; views are into the bytes that were given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/message_fields.h"
#include "http/request_parser.h"

namespace raglan::balancer {

// Finds the end of a head that arrives in parts, looking at each byte once.
class HeadScanner {
 public:
  // How long the head is, with the empty line; 0: it has not arrived whole. Empty lines before it
  // belong to it. Errors: kMalformedRequest (a line that does not end in CRLF, as soon as it is
  // there).
  Result<std::size_t> find_end(std::string_view bytes);

 private:
  std::size_t line_begin_ = 0;
  bool has_line_ = false; // one that is not empty
};

enum class FieldKind : std::uint8_t {
  kOther,
  kHopByHop, // for the neighbour alone (RFC 9110, 7.6.1)
  kHost,
  kExpect,
  kUpgrade,
  kForwarded, // x-forwarded-*, x-real-ip, forwarded
  kRequestId,
};

struct Field {
  FieldKind kind = FieldKind::kOther;
  std::string_view name;
  std::string_view value;
  std::string_view line; // with its CRLF
};

struct Head {
  std::string_view first_line; // without its CRLF
  std::vector<Field> fields;
  http::Framing framing;
  int minor_version = 1;
  bool upgrades = false; // "Connection: upgrade", with an Upgrade field
};

struct RequestHead : Head {
  std::string_view method;
  std::string_view target;
  std::string_view path; // of the target
  std::string_view host;
  bool expects_continue = false;
  bool keep_alive = false;
};

struct ResponseHead : Head {
  int status = 0;
};

// `bytes`: all of it, as HeadScanner found it. Errors, by code: kMalformedRequest, kUriTooLong,
// kHeadersTooLarge, kNotImplemented.
Result<> parse_request_head(std::string_view bytes, const http::RequestLimits& limits,
                            RequestHead& head);
// Errors: kUpstream.
Result<> parse_response_head(std::string_view bytes, ResponseHead& head);

} // namespace raglan::balancer
