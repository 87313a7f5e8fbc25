// The first line of a request, taken apart (RFC 9112, 3).
//
// Thread safety: pure; views are into what was given.
#pragma once

#include <string_view>

#include "base/result.h"

namespace raglan::http {

struct RequestLine {
  std::string_view method;
  std::string_view target;
  int minor_version = 1; // of HTTP/1
};
// Errors: kMalformedRequest.
Result<RequestLine> split_request_line(std::string_view line);

struct RequestTarget {
  std::string_view path; // "/" when there is none, and "*" of OPTIONS
  std::string_view query;
};
// Origin form ("/a?b"), absolute form ("http://host/a?b", which is said to a proxy) and the "*" of
// OPTIONS; CONNECT's authority form has no use here. Errors: kMalformedRequest.
Result<RequestTarget> parse_target(std::string_view method, std::string_view target);

// Whether a request of this method does no harm twice (RFC 9110, 9.2.2).
bool is_idempotent(std::string_view method);

} // namespace raglan::http
