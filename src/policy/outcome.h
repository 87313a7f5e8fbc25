// What a call to an upstream says about that upstream's health.
//
// Three classes, because "not a success" is not yet "the upstream is ill": a 400 is the caller's
// mistake, and a 429 or a 503 with Retry-After is an upstream that is well enough to say when to
// come back. Such answers are neutral; they feed whoever paces the calls, not the breaker.
//
// Pure functions, safe on any thread.
#pragma once

#include "base/result.h"

namespace raglan::policy {

enum class Outcome {
  kSuccess, // 2xx; also 1xx and 3xx: it answered as it should
  kNeutral, // 4xx, 429 among them; 503 with Retry-After; what never reached the upstream
  kFailure, // other 5xx; timeout; no connection; nonsense; an answer cut short
};

Outcome outcome_of_status(int status, bool has_retry_after);
// Of a call that ended in an Error. kUnavailable, kUpstream and kDeadlineExceeded are failures; the
// rest (the caller went away, our own pool was full, the request was wrong) is neutral.
Outcome outcome_of_error(ErrorCode code);

} // namespace raglan::policy
