// What a provider of models said, or that it said nothing: what it means for the call, for another
// attempt, and for the provider's circuit breaker. For every kind of provider alike.
//
//   ProviderVerdict verdict = judge_status("embedding", status, headers, clock.wall_now());
//
// Nothing that the provider says reaches an error message, nor does a host's name.
//
// Thread safe: functions of their arguments.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "http/headers.h"
#include "policy/outcome.h"
#include "policy/quota_headers.h"

namespace raglan::model {

struct ProviderVerdict {
  enum class Next : std::uint8_t { kNone, kRetry, kWhenAllowed };
  Error error;
  Next next = Next::kNone;
  policy::Outcome outcome = policy::Outcome::kNeutral;
  bool throttled = false;
  std::optional<Duration> hold; // throttled: how long it asked to be left alone, if it said so
};

// Of an answer whose status is no 2xx. `kind`: "embedding" or "generation".
ProviderVerdict judge_status(std::string_view kind, int status, const http::Headers& headers,
                             WallTime now);
// Of a call without an answer; `cut_short`: by its own deadline, and not by the provider's timeout.
ProviderVerdict judge_error(std::string_view kind, ErrorCode code, bool cut_short);

// What an answer's headers say of the quota.
policy::QuotaReport quota_of(const http::Headers& headers, WallTime now);

std::unexpected<Error> provider_throttled(std::string_view kind);
std::unexpected<Error> provider_deadline_passed(std::string_view kind); // before it was asked
std::unexpected<Error> provider_left_alone(std::string_view kind);      // the breaker is open

} // namespace raglan::model
