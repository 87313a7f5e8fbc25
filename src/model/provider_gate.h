// How a provider is called: whether, when, and how often again. For every kind of provider, and for
// callers that block as for coroutines: nothing here waits or does I/O.
//
//   ProviderGate gate("generation", policies, observer, clock);       // one for each provider
//
//   ProviderCall call(gate, {.max_attempts = 4, .attempt_timeout = 10s, .deadline = deadline});
//   while (true) {
//     auto hold = call.hold();                                        // Result<Duration>
//     if (!hold) return forward_error(hold);
//     if (*hold > zero) { …wait that long…; continue; }
//     auto attempt = call.begin();
//     if (!attempt) return what the last attempt came to, or attempt.error();
//     … ask, judge: ProviderVerdict …
//     attempt->report(code, verdict.outcome);
//     auto wait = call.retry_after(verdict.next);
//     if (!wait) return what came of it;
//     … wait *wait …
//   }
//
// A call that fails is made again while the retry budget allows, after a backoff, and only if a
// whole further attempt would end before the deadline. A throttled provider (429, and 503 with
// Retry-After) holds back every call until the time that it named; that costs no budget. In front
// of all stands a circuit breaker. The policies are in policy/; this is how they meet.
//
// Thread safety: a gate, from any thread; it must outlive its calls. A call belongs to one thread,
// or coroutine, at a time.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/guarded.h"
#include "base/rng.h"
#include "model/provider_verdict.h"
#include "policy/backoff.h"
#include "policy/circuit_breaker.h"
#include "policy/retry_budget.h"

namespace raglan::model {

struct ProviderPolicies {
  policy::CircuitBreakerConfig breaker;
  policy::RetryBudgetConfig retry_budget;
  policy::BackoffConfig backoff;
};

class ProviderGate {
 public:
  // However long a provider asks to be left alone.
  static constexpr std::chrono::minutes kLongestHold{5};

  // Called after every attempt, with its status, or the name of the error that it ended with.
  using Observer = std::function<void(std::string_view code, Duration took)>;

  // `kind`: "embedding" or "generation".
  ProviderGate(std::string_view kind, const ProviderPolicies& policies, Observer observer,
               const Clock& clock);

  // Makes no call, which would be paid for: kUnavailable while the breaker is open, and after all
  // calls were refused, until one succeeds.
  Result<> check() const;
  policy::BreakerStatus breaker_status() const { return breaker_.status(clock_.now()); }

  // Of an answer that is no 2xx; of a call without an answer (see provider_verdict.h).
  ProviderVerdict judge_status(int status, const http::Headers& headers);
  ProviderVerdict judge_error(ErrorCode code, bool cut_short) const;
  // Of every answer's status: 401, 403 and 404 are of every call alike, not of what this one
  // brought. No breaker opens for them, and nothing mends them but an operator.
  void note(int status);

 private:
  friend class ProviderCall;
  Duration held_for(MonotonicTime now) const; // zero: it may be asked now

  const std::string kind_;
  const policy::BackoffConfig backoff_;
  const Observer observer_;
  const Clock& clock_;
  policy::CircuitBreaker breaker_;
  policy::RetryBudget budget_;
  std::atomic<int> refusal_ = 0; // the status with which all calls are refused; 0: they are not
  Guarded<MonotonicTime> held_until_{MonotonicTime::min()};
};

class ProviderCall {
 public:
  struct Limits {
    int max_attempts = 1;
    Duration attempt_timeout{}; // what a further attempt may need, to be worth beginning
    Deadline deadline;
    // False: somebody else is asked when this fails, so one attempt is enough, and no waiting.
    bool last_resort = true;
  };

  // The right to make one attempt; reports once.
  class Attempt {
   public:
    void report(std::string_view code, policy::Outcome outcome);

   private:
    friend class ProviderCall;
    Attempt(ProviderGate& gate, policy::CircuitBreaker::Permit permit, MonotonicTime began)
        : gate_(&gate), permit_(std::move(permit)), began_(began) {}
    ProviderGate* gate_;
    policy::CircuitBreaker::Permit permit_;
    MonotonicTime began_;
  };

  ProviderCall(ProviderGate& gate, Limits limits);

  // How long to wait before the next attempt, and then ask again; zero: it may be made. Errors:
  // kOverloaded (throttled for longer than there is time).
  Result<Duration> hold();
  // Errors: kDeadlineExceeded; kUnavailable (the breaker is open).
  Result<Attempt> begin();
  // After an attempt: how long to wait before another. Nothing: what it came to stands.
  std::optional<Duration> retry_after(ProviderVerdict::Next next);

 private:
  ProviderGate& gate_;
  const Limits limits_;
  const policy::RetryBudget::Permit live_;
  std::optional<policy::RetryBudget::Permit> retrying_;
  policy::Backoff backoff_;
  Rng rng_;
  int attempts_ = 0;
};

// What came of one attempt, and what that means.
template <typename T>
struct ProviderOutcome {
  Result<T> made;
  ProviderVerdict::Next next = ProviderVerdict::Next::kNone;
  policy::Outcome outcome = policy::Outcome::kNeutral;

  static ProviderOutcome failed(ProviderVerdict verdict) {
    return {std::unexpected(std::move(verdict.error)), verdict.next, verdict.outcome};
  }
};

} // namespace raglan::model
