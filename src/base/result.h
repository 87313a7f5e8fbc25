// Errors as values.
//
// Every fallible function returns Result<T> = std::expected<T, Error>. An Error carries one code of
// the small set below, a message that is safe to show to a client (no path, SQL, key, document text
// or upstream body), and, for invalid input, the JSON pointer of the field at fault. The HTTP layer
// maps codes to statuses in exactly one table (http/error_table.h); nothing else knows statuses.
//
// Exceptions of third-party libraries are caught at the edge where the library is called and turned
// into an Error there. Raglan's own code throws nothing.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"

namespace raglan {

enum class ErrorCode : std::uint8_t {
  kMalformedRequest,     // 400: not parseable (JSON, HTTP, UTF-8)
  kUnauthenticated,      // 401
  kForbidden,            // 403
  kNotFound,             // 404: unknown, or another tenant's
  kMethodNotAllowed,     // 405
  kRequestTimeout,       // 408: the client was too slow to send
  kConflict,             // 409
  kTooLarge,             // 413
  kUriTooLong,           // 414
  kUnsupportedMediaType, // 415
  kInvalidField,         // 422: well-formed, but a field's value is wrong; `param` points to it
  kRateLimited,          // 429
  kHeadersTooLarge,      // 431
  kClientClosed,         // 499: logged only
  kInternal,             // 500
  kNotImplemented,       // 501
  kUpstream,             // 502: an upstream failed or spoke nonsense
  kOverloaded,           // 503: a bounded queue is full
  kUnavailable,          // 503: a dependency (store, model) cannot serve
  kDraining,             // 503
  kNotCached,            // 503: cache:"only" and nothing cached
  kDeadlineExceeded,     // 504
  kDiskFull,             // 507
  kCorrupt,              // 500: stored state failed its check (database, snapshot, weights)
};

// The stable snake_case name of a code: what clients see in `error.code`.
std::string_view error_code_name(ErrorCode code);
// The code of that name; empty when there is none.
std::optional<ErrorCode> error_code_from_name(std::string_view name);

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  std::string param; // JSON pointer or parameter name; empty when none applies
  // When it is worth asking again, where that is known; for errors that mean too much was asked.
  Duration retry_after{};
  // What the operator may know besides (addresses, users, another program's words); never a secret.
  // For the log, the command line and doctor; clients do not see it.
  std::string reason;
};

// The message and, where there is one, the reason: for operators alone.
std::string explain(const Error& error);

template <typename T = void>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(ErrorCode code, std::string message, std::string param = {}) {
  return std::unexpected(Error{code, std::move(message), std::move(param)});
}

// Passes on another result's error:  if (!r) return forward_error(r);
template <typename T>
std::unexpected<Error> forward_error(Result<T>& result) {
  return std::unexpected(std::move(result.error()));
}

} // namespace raglan
