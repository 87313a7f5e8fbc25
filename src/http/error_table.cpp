#include "http/error_table.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "base/json_escape.h"

namespace raglan::http {

ErrorMapping error_mapping(ErrorCode code) {
  switch (code) {
    case ErrorCode::kMalformedRequest: return {400, "invalid_request_error"};
    case ErrorCode::kUnauthenticated: return {401, "authentication_error"};
    case ErrorCode::kForbidden: return {403, "permission_error"};
    case ErrorCode::kNotFound: return {404, "not_found_error"};
    case ErrorCode::kMethodNotAllowed: return {405, "invalid_request_error"};
    case ErrorCode::kRequestTimeout: return {408, "invalid_request_error"};
    case ErrorCode::kConflict: return {409, "invalid_request_error"};
    case ErrorCode::kTooLarge: return {413, "invalid_request_error"};
    case ErrorCode::kUriTooLong: return {414, "invalid_request_error"};
    case ErrorCode::kUnsupportedMediaType: return {415, "invalid_request_error"};
    case ErrorCode::kInvalidField: return {422, "invalid_request_error"};
    case ErrorCode::kRateLimited: return {429, "rate_limit_error"};
    case ErrorCode::kHeadersTooLarge: return {431, "invalid_request_error"};
    case ErrorCode::kClientClosed: return {499, "invalid_request_error"};
    case ErrorCode::kInternal: return {500, "server_error"};
    case ErrorCode::kNotImplemented: return {501, "invalid_request_error"};
    case ErrorCode::kUpstream: return {502, "server_error"};
    case ErrorCode::kOverloaded: return {503, "server_error"};
    case ErrorCode::kUnavailable: return {503, "server_error"};
    case ErrorCode::kDraining: return {503, "server_error"};
    case ErrorCode::kNotCached: return {503, "server_error"};
    case ErrorCode::kDeadlineExceeded: return {504, "server_error"};
    case ErrorCode::kDiskFull: return {507, "server_error"};
    case ErrorCode::kCorrupt: return {500, "server_error"};
  }
  return {500, "server_error"};
}

std::string error_body(const Error& error, std::string_view request_id) {
  const auto param =
      error.param.empty() ? std::string("null") : fmt::format("\"{}\"", json_escape(error.param));
  return fmt::format(
      R"({{"error":{{"message":"{}","type":"{}","code":"{}","param":{}}},"request_id":"{}"}})",
      json_escape(error.message), error_mapping(error.code).type, error_code_name(error.code),
      param, json_escape(request_id));
}

Response error_response(const Error& error, std::string_view request_id) {
  const int status = error_mapping(error.code).status;
  auto response = json_response(status, error_body(error, request_id));
  response.headers.add(kRequestIdHeader, request_id);
  if (error.code == ErrorCode::kDraining) response.headers.add(kNotReadyHeader, "draining");
  if (status == 429 || status == 503) {
    using std::chrono::seconds;
    const auto retry_after = std::max(std::chrono::ceil<seconds>(error.retry_after), seconds(1));
    response.headers.add("retry-after", std::to_string(retry_after.count()));
  }
  return response;
}

} // namespace raglan::http
