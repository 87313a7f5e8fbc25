// The way into work of which only so much goes on at a time: coroutines wait here for their place.
//
//   auto place = co_await gate.enter({.tenant = "acme", .tier = Tier::kPaid, .deadline = deadline},
//                                    kind);
//   if (!place) co_return forward_error(place);
//   …
//   place->report(LimitOutcome::kSuccess);
//
// How many places there are is the concurrency limit's business (policy/concurrency_limit.h), who
// waits how long for one the admission's (policy/admission.h). This puts both behind one lock, and
// looks at those who wait whenever a place gets free, and every kTick for as long as somebody does:
// so late may a ticket be dropped.
//
// Errors: kOverloaded with retry_after (the queue is full, or it stands), kDeadlineExceeded (cannot
// be done in time, said as soon as that is known), kClientClosed (cancelled), kUnavailable
// (stopped).
//
// Thread safety: all members, from any thread; `enter` from event loops. The gate must outlive its
// places and the loops' last coroutine; call `stop` before the loops are destroyed.
#pragma once

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/result.h"
#include "net/completion.h"
#include "net/task.h"
#include "policy/admission.h"
#include "policy/concurrency_limit.h"

namespace raglan::net {

class AdmissionGate {
 public:
  static constexpr std::chrono::milliseconds kTick{10};

  struct Config {
    policy::AdmissionConfig admission;
    policy::ConcurrencyLimitConfig limit;
    Duration usual{}; // what the work takes, until that was measured; zero: not known
  };

  // Each may be empty; called without a lock held.
  struct Observer {
    // Who was admitted (kNone), and who was sent away and why; not who went away, nor by `stop`.
    std::function<void(policy::Tier, policy::AdmissionReason, Duration waited)> on_decision;
    // At each tick the queue delay (policy/admission.h). The last one says zero, unless the answer
    // was true: to be told on, even when nobody waits any more.
    std::function<bool(Duration delay, MonotonicTime now)> on_tick;
  };

  // One of the places, for as long as it lives; or none, where nobody counts them.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept;
    Place& operator=(Place&&) = delete;
    ~Place() { report(policy::LimitOutcome::kIgnored); }

    // Ends the work. Only the first report counts.
    void report(policy::LimitOutcome outcome);
    Duration waited() const { return waited_; }
    // What the work has taken of late without a queue; zero when that is not known.
    Duration usual() const { return usual_; }

   private:
    friend class AdmissionGate;
    Place(AdmissionGate& gate, policy::ConcurrencyLimit::Permit permit, Duration waited,
          Duration usual)
        : gate_(&gate), permit_(std::move(permit)), waited_(waited), usual_(usual) {}

    AdmissionGate* gate_ = nullptr;                          // null once reported or moved from
    std::optional<policy::ConcurrencyLimit::Permit> permit_; // with a gate
    Duration waited_{};
    Duration usual_{};
  };

  struct Status {
    std::array<std::size_t, policy::kTiers> waiting{};
    policy::ConcurrencyLimitStatus limit;
  };

  AdmissionGate(Config config, Observer observer, const Clock& clock);

  // `kind`: of ConcurrencyLimit, whose baseline is what the work is expected to take, unless nobody
  // has a place: what was measured long ago must not keep everybody out. So `ticket.needs` is not
  // asked for.
  Task<Result<Place>> enter(policy::Ticket ticket, std::size_t kind);

  Status status() const;

  // Sends away who waits, and whoever comes from now on. Idempotent.
  void stop();

 private:
  struct Waiter {
    Completion<Place> done;
    std::size_t kind = 0;
  };
  struct State {
    explicit State(const policy::AdmissionConfig& config) : admission(config) {}
    policy::Admission admission;
    std::unordered_map<std::uint64_t, Waiter> waiters; // by ticket
    bool ticking = false;
    bool stopped = false;
  };
  // To be said when the lock is released.
  struct Verdict {
    Completion<Place> done;
    Result<Place> result;
    policy::Tier tier;
    std::optional<policy::AdmissionReason> reason; // none: it was stopped
    Duration waited;
  };
  using Verdicts = std::vector<Verdict>;

  std::uint64_t arrive(policy::Ticket ticket, const Waiter& waiter,
                       const boost::asio::any_io_executor& loop);
  void leave(policy::ConcurrencyLimit::Permit permit, policy::LimitOutcome outcome);
  void cancel(std::uint64_t id);
  Duration usual(std::size_t kind) const;
  Result<Place> place_for(std::size_t kind, Duration waited, MonotonicTime now);
  void poll(State& state, MonotonicTime now, Verdicts& verdicts);
  void judge(State& state, const policy::AdmissionDecision& decision, MonotonicTime now,
             Verdicts& verdicts);
  void announce(Verdicts verdicts) const;
  Task<void> tick_while_needed();
  bool tick();

  const Observer observer_;
  const Clock& clock_;
  const Duration usual_;
  policy::ConcurrencyLimit limit_; // acquired and reported under the lock of state_
  Guarded<State> state_;
};

} // namespace raglan::net
