#include "base/result.h"

namespace raglan {

std::string_view error_code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kMalformedRequest: return "malformed_request";
    case ErrorCode::kUnauthenticated: return "unauthenticated";
    case ErrorCode::kForbidden: return "forbidden";
    case ErrorCode::kNotFound: return "not_found";
    case ErrorCode::kMethodNotAllowed: return "method_not_allowed";
    case ErrorCode::kRequestTimeout: return "request_timeout";
    case ErrorCode::kConflict: return "conflict";
    case ErrorCode::kTooLarge: return "too_large";
    case ErrorCode::kUriTooLong: return "uri_too_long";
    case ErrorCode::kUnsupportedMediaType: return "unsupported_media_type";
    case ErrorCode::kInvalidField: return "invalid_field";
    case ErrorCode::kRateLimited: return "rate_limited";
    case ErrorCode::kHeadersTooLarge: return "headers_too_large";
    case ErrorCode::kClientClosed: return "client_closed";
    case ErrorCode::kInternal: return "internal";
    case ErrorCode::kNotImplemented: return "not_implemented";
    case ErrorCode::kUpstream: return "upstream_error";
    case ErrorCode::kOverloaded: return "overloaded";
    case ErrorCode::kUnavailable: return "unavailable";
    case ErrorCode::kDraining: return "draining";
    case ErrorCode::kNotCached: return "not_cached";
    case ErrorCode::kDeadlineExceeded: return "deadline_exceeded";
    case ErrorCode::kDiskFull: return "disk_full";
    case ErrorCode::kCorrupt: return "corrupt";
  }
  return "internal";
}

std::optional<ErrorCode> error_code_from_name(std::string_view name) {
  for (int code = 0; code <= static_cast<int>(ErrorCode::kCorrupt); ++code) {
    if (error_code_name(static_cast<ErrorCode>(code)) == name) return static_cast<ErrorCode>(code);
  }
  return std::nullopt;
}

std::string explain(const Error& error) {
  return error.reason.empty() ? error.message : error.message + ": " + error.reason;
}

} // namespace raglan
