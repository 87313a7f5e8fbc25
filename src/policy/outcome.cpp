#include "policy/outcome.h"

namespace raglan::policy {

Outcome outcome_of_status(int status, bool has_retry_after) {
  if (status < 400) return Outcome::kSuccess;
  if (status < 500 || (status == 503 && has_retry_after)) return Outcome::kNeutral;
  return Outcome::kFailure;
}

Outcome outcome_of_error(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnavailable:
    case ErrorCode::kUpstream:
    case ErrorCode::kDeadlineExceeded: return Outcome::kFailure;
    default: return Outcome::kNeutral;
  }
}

} // namespace raglan::policy
