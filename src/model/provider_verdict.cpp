#include "model/provider_verdict.h"

#include <fmt/format.h>

#include "http/retry_after.h"

namespace raglan::model {
namespace {

Error refusal_error(std::string_view kind, int status) {
  switch (status) {
    case 400:
    case 413:
    case 422:
      return {ErrorCode::kInvalidField,
              fmt::format("the {} provider refused the request with status {}: a text, the model "
                          "or a parameter is not what it takes",
                          kind, status),
              ""};
    case 401:
    case 403:
      return {ErrorCode::kUnavailable,
              fmt::format("the {} provider refused the API key with status {}", kind, status), ""};
    case 404:
      return {ErrorCode::kUnavailable,
              fmt::format("the {} provider knows no such model or address: status 404", kind), ""};
    default:
      return {ErrorCode::kUpstream,
              fmt::format("the {} provider answered with status {}", kind, status), ""};
  }
}

// What the client says names hosts.
Error failure_error(std::string_view kind, ErrorCode code) {
  const auto error = [&](ErrorCode as, std::string_view what) {
    return Error{as, fmt::format("the {} provider{}", kind, what), ""};
  };
  switch (code) {
    case ErrorCode::kUnavailable: return error(code, " cannot be reached");
    case ErrorCode::kDeadlineExceeded:
      return error(ErrorCode::kUnavailable, " did not answer in time");
    case ErrorCode::kMalformedRequest:
      return error(ErrorCode::kInternal, "'s address or key cannot be sent");
    case ErrorCode::kUpstream: return error(code, "'s answer was cut off or is no HTTP");
    default: return error(code, " could not be asked");
  }
}

ProviderVerdict::Next next_after(policy::Outcome outcome) {
  const bool failed = outcome == policy::Outcome::kFailure;
  return failed ? ProviderVerdict::Next::kRetry : ProviderVerdict::Next::kNone;
}

} // namespace

std::unexpected<Error> provider_throttled(std::string_view kind) {
  return fail(ErrorCode::kOverloaded,
              fmt::format("the {} provider limits the rate of requests", kind));
}

std::unexpected<Error> provider_left_alone(std::string_view kind) {
  return fail(
      ErrorCode::kUnavailable,
      fmt::format("the {} provider failed again and again and is left alone for a while", kind));
}

std::unexpected<Error> provider_deadline_passed(std::string_view kind) {
  return fail(ErrorCode::kDeadlineExceeded, fmt::format("the deadline passed before {}", kind));
}

policy::QuotaReport quota_of(const http::Headers& headers, WallTime now) {
  policy::QuotaReport report;
  for (const http::Header& header : headers) {
    policy::read_quota_header(header.name, header.value, now, report);
  }
  return report;
}

ProviderVerdict judge_status(std::string_view kind, int status, const http::Headers& headers,
                             WallTime now) {
  const auto wait = http::retry_after(headers, now);
  if (status == 429 || (status == 503 && wait)) {
    const bool held = wait && *wait > Duration::zero();
    return {.error = provider_throttled(kind).error(),
            .next = ProviderVerdict::Next::kWhenAllowed,
            .throttled = true,
            .hold = held ? wait : std::nullopt};
  }
  const policy::Outcome outcome = policy::outcome_of_status(status, wait.has_value());
  return {refusal_error(kind, status), next_after(outcome), outcome};
}

ProviderVerdict judge_error(std::string_view kind, ErrorCode code, bool cut_short) {
  if (code == ErrorCode::kDeadlineExceeded && cut_short) {
    return {.error = {code, fmt::format("the deadline passed during {}", kind), ""}};
  }
  const policy::Outcome outcome = policy::outcome_of_error(code);
  return {failure_error(kind, code), next_after(outcome), outcome};
}

} // namespace raglan::model
