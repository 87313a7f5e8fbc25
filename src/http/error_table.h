// The one table from error codes to what HTTP clients see.
//
// Bodies are the OpenAI shape, so that the official clients raise their own exception types:
//   {"error":{"message","type","code","param"},"request_id"}
#pragma once

#include <string_view>

#include "base/result.h"
#include "http/response.h"

namespace raglan::http {

// The header that names a request, in requests and in responses.
inline constexpr std::string_view kRequestIdHeader = "x-request-id";
// Of a 503 of a node that is not ready yet, or no longer: a balancer asks it nothing more until its
// /ready is 200.
inline constexpr std::string_view kNotReadyHeader = "x-raglan-not-ready";

struct ErrorMapping {
  int status;
  std::string_view type; // OpenAI's error.type
};
ErrorMapping error_mapping(ErrorCode code);

// The body.
std::string error_body(const Error& error, std::string_view request_id);

// `param` is null when the error names none. 429 and 503 carry Retry-After, at least 1 s; all
// x-request-id.
Response error_response(const Error& error, std::string_view request_id);

} // namespace raglan::http
