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
//     attempt->report(code, answer);
//     auto wait = call.retry_after(verdict.next);
//     if (!wait) return what came of it;
//     … wait *wait …
//   }
//
// A call that fails is made again while the retry budget allows, after a backoff, and only if a
// whole further attempt would end before the deadline. Calls are paced (policy/pacer.h) by the
// provider's quota: as configured, as the headers of its answers tell it, or as a throttle (429,
// and 503 with Retry-After) has shown it, and divided by the nodes that share it. A throttle holds
// back every call until the time that it named, and costs no budget. Who can wait for its turn
// does; for whom that is too long the call fails, so that something else is done instead. In front
// of all stands a circuit breaker. The policies are in policy/; this is how they meet.
//
// Thread safety: a gate, from any thread; it must outlive its calls. A call belongs to one thread,
// or coroutine, at a time.
#pragma once

#include <atomic>
#include <expected>
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
#include "policy/pacer.h"
#include "policy/retry_budget.h"

namespace raglan::model {

struct ProviderPolicies {
  policy::CircuitBreakerConfig breaker;
  policy::RetryBudgetConfig retry_budget;
  policy::BackoffConfig backoff;
  policy::PacerConfig quota;
  std::function<std::size_t()> nodes; // that share the quota; empty: this one alone
};

// What an attempt came to, to its provider's gate.
struct ProviderAnswer {
  policy::Outcome outcome = policy::Outcome::kNeutral;
  bool throttled = false;
  std::optional<Duration> hold; // throttled: how long it asked to be left alone, if it said so
  std::optional<double> tokens; // that it cost, if it said so
};

class ProviderGate {
 public:
  // Called after every attempt, with its status, or the name of the error that it ended with.
  using Observer = std::function<void(std::string_view code, Duration took)>;

  // `kind`: "embedding" or "generation".
  ProviderGate(std::string_view kind, const ProviderPolicies& policies, Observer observer,
               const Clock& clock);

  // Makes no call, which would be paid for: kUnavailable while the breaker is open, and after all
  // calls were refused, until one succeeds.
  Result<> check() const;
  policy::BreakerStatus breaker_status() const { return breaker_.status(clock_.now()); }
  policy::PacerStatus quota_status() const;

  // Of an answer that is no 2xx; of a call without an answer (see provider_verdict.h).
  ProviderVerdict judge_status(int status, const http::Headers& headers) const;
  ProviderVerdict judge_error(ErrorCode code, bool cut_short) const;
  // Of every answer's status: 401, 403 and 404 are of every call alike, not of what this one
  // brought. No breaker opens for them, and nothing mends them but an operator.
  void note(int status);
  // Of every answer's headers, as soon as they have come.
  void observe(const policy::QuotaReport& quota);

 private:
  friend class ProviderCall;
  using Slot = std::expected<policy::PacerSlot, policy::PacerRefusal>;

  // Another slot, or the one that was reserved, when its time has come.
  Slot reserve(const std::optional<policy::PacerSlot>& reserved, double tokens, policy::Tier tier,
               Deadline deadline, MonotonicTime now);
  void give_back(const policy::PacerSlot& slot);
  void pace(const policy::PacerSlot& slot, const ProviderAnswer& answer, MonotonicTime now);

  const std::string kind_;
  const policy::BackoffConfig backoff_;
  const Observer observer_;
  const Clock& clock_;
  policy::CircuitBreaker breaker_;
  policy::RetryBudget budget_;
  std::atomic<int> refusal_ = 0; // the status with which all calls are refused; 0: they are not
  const std::function<std::size_t()> nodes_;
  mutable Guarded<policy::Pacer> pacer_;
  std::atomic<bool> alerted_ = false;   // the log has it that the quota is nearly used up
  std::atomic<bool> too_large_ = false; // the log has it that a call needs more than the quota
};

class ProviderCall {
 public:
  struct Limits {
    int max_attempts = 1;
    Duration attempt_timeout{}; // what a further attempt may need, to be worth beginning
    Deadline deadline;
    // False: somebody else is asked when this fails, so one attempt is enough, and no waiting.
    bool last_resort = true;
    double tokens = 0; // of prompt and answer, estimated
    policy::Tier tier = policy::Tier::kPaid;
  };

  // The right to make one attempt; reports once.
  class Attempt {
   public:
    void report(std::string_view code, const ProviderAnswer& answer);

   private:
    friend class ProviderCall;
    Attempt(ProviderGate& gate, policy::CircuitBreaker::Permit permit,
            const policy::PacerSlot& slot, MonotonicTime began)
        : gate_(&gate), permit_(std::move(permit)), slot_(slot), began_(began) {}
    ProviderGate* gate_;
    policy::CircuitBreaker::Permit permit_;
    policy::PacerSlot slot_;
    MonotonicTime began_;
  };

  ProviderCall(ProviderGate& gate, Limits limits);
  ~ProviderCall();
  ProviderCall(const ProviderCall&) = delete;
  ProviderCall& operator=(const ProviderCall&) = delete;

  // Before each attempt. How long to wait before it, and then ask again; zero: it may be made.
  // Errors: kOverloaded (its turn would come too late, or it may not wait), kDeadlineExceeded,
  // kUnavailable (the breaker is open, and no probe is due).
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
  std::optional<policy::PacerSlot> slot_; // of the next attempt
  policy::Backoff backoff_;
  Rng rng_;
  int attempts_ = 0;
};

// What came of one attempt, and what that means.
template <typename T>
struct ProviderOutcome {
  Result<T> made;
  ProviderVerdict::Next next = ProviderVerdict::Next::kNone;
  ProviderAnswer answer;

  static ProviderOutcome failed(ProviderVerdict verdict) {
    return {std::unexpected(std::move(verdict.error)),
            verdict.next,
            {.outcome = verdict.outcome, .throttled = verdict.throttled, .hold = verdict.hold}};
  }
};

} // namespace raglan::model
