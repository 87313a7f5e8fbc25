// Stops calling an upstream that keeps failing, and finds out carefully when it is back.
//
//   closed ──failure_threshold failures in a row, or the window's rate──→ open
//   open ──recovery_timeout is over, and somebody asks──→ half-open
//   half-open ──half_open_probes successes──→ closed        half-open ──one failure──→ open
//
// The states are Nygard's (Release It!, 2007); the generation is sony/gobreaker's: every change of
// state begins a new one, every permit carries the one it was given under, and an outcome from an
// older one is dropped. Otherwise the calls that were in flight when the breaker opened would close
// it again, or open it anew, minutes later.
//
// A half-open breaker lets `half_open_probes` calls through at a time. Each holds a lease: a probe
// that neither reports nor is destroyed loses its place after `probe_lease`, so that a lost one
// cannot wedge the breaker. (Its outcome, should it come while the breaker is still half-open, is
// as good as any and counts.) A permit that is destroyed without a report gives its place back at
// once, and so does a neutral outcome; neither opens or closes anything, nor touches the count of
// failures in a row.
//
// The window is off by default. With it the breaker also opens when, of the last `window_calls`
// calls, at least `window_min_calls` are known and `failure_rate` of them failed, or
// `slow_call_rate` took `slow_call` or longer. A slow probe then counts as a failed one.
//
// One breaker per upstream and operation.
//
// Thread safety: every member may be called from any thread. A breaker outlives its permits; one
// permit belongs to one thread at a time. `now` must not run backwards by much: an earlier `now`
// than before is harmless but makes waits look longer.
//
//   auto permit = breaker.try_acquire(clock.now());
//   if (!permit) return fail(ErrorCode::kUnavailable, "the upstream's breaker is open");
//   auto response = co_await client.send(request, deadline);
//   permit->report(outcome_of(response), clock.now());
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/guarded.h"
#include "config/table.h"
#include "policy/outcome.h"

namespace raglan::policy {

struct CircuitBreakerConfig {
  std::size_t failure_threshold = 5; // in a row
  std::chrono::milliseconds recovery_timeout{60'000};
  std::size_t half_open_probes = 1;
  std::chrono::milliseconds probe_lease{60'000};
  std::size_t window_calls = 0; // 0: no window
  std::size_t window_min_calls = 20;
  double failure_rate = 0.5;
  double slow_call_rate = 0.5;
  std::chrono::milliseconds slow_call{0}; // 0: no call is slow
};

inline void describe(config::Table<CircuitBreakerConfig>& table) {
  using C = CircuitBreakerConfig;
  using std::chrono::milliseconds;
  table.field("failure_threshold", &C::failure_threshold, "failures in a row that open the breaker")
      .min(1);
  table
      .field("recovery_timeout", &C::recovery_timeout,
             "how long an open breaker refuses every call before it lets a probe through")
      .min(milliseconds(1));
  table
      .field("half_open_probes", &C::half_open_probes,
             "probes at a time, and successes that close the breaker")
      .min(1)
      .max(1000);
  table
      .field("probe_lease", &C::probe_lease,
             "after which a probe that has not reported makes room for another; longer than the "
             "upstream's timeout")
      .min(milliseconds(1));
  table
      .field("window_calls", &C::window_calls,
             "calls over which the rates are taken; 0 leaves only failures in a row")
      .max(100'000);
  table
      .field("window_min_calls", &C::window_min_calls,
             "calls that must be in the window before a rate counts")
      .min(1);
  table.ratio("failure_rate", &C::failure_rate, "share of failures that opens the breaker")
      .min(0.01);
  table.ratio("slow_call_rate", &C::slow_call_rate, "share of slow calls that opens the breaker")
      .min(0.01);
  table.field("slow_call", &C::slow_call, "duration from which a call is slow; 0 switches it off")
      .min(milliseconds(0));
  table.rule("window_calls must be 0 or at least window_min_calls", [](const C& config) {
    return config.window_calls == 0 || config.window_calls >= config.window_min_calls;
  });
}

enum class BreakerState { kClosed, kOpen, kHalfOpen };
std::string_view breaker_state_name(BreakerState state); // "closed", "open", "half_open"

struct BreakerStatus {
  BreakerState state = BreakerState::kClosed;
  std::uint64_t generation = 0;  // grows by one with every change of state
  std::uint64_t transitions = 0; // changes of state so far
  std::uint64_t refused = 0;     // calls so far that got no permit
  std::size_t consecutive_failures = 0;
  std::size_t probes = 0; // leases held that have not expired
  // Until try_acquire may succeed: zero when it would now.
  Duration time_to_next_probe{};
};

class CircuitBreaker {
 public:
  // The right to make one call. Movable; reports once.
  class Permit {
   public:
    Permit(Permit&& other) noexcept;
    Permit& operator=(Permit&& other) noexcept;
    ~Permit() { release(); }

    // What came of the call. A second report is ignored.
    void report(Outcome outcome, MonotonicTime now);

    std::uint64_t generation() const { return generation_; }
    bool is_probe() const { return lease_ != 0; }

   private:
    friend class CircuitBreaker;
    Permit(CircuitBreaker& breaker, std::uint64_t generation, std::uint64_t lease,
           MonotonicTime began)
        : breaker_(&breaker), generation_(generation), lease_(lease), began_(began) {}
    void release();

    CircuitBreaker* breaker_; // null once reported or moved from
    std::uint64_t generation_;
    std::uint64_t lease_; // 0: not a probe
    MonotonicTime began_;
  };

  explicit CircuitBreaker(CircuitBreakerConfig config = {});
  CircuitBreaker(const CircuitBreaker&) = delete;
  CircuitBreaker& operator=(const CircuitBreaker&) = delete;

  // Empty when the call must not be made: the breaker is open, or its probes are out.
  std::optional<Permit> try_acquire(MonotonicTime now);

  BreakerStatus status(MonotonicTime now) const;
  const CircuitBreakerConfig& config() const { return config_; }

 private:
  struct Lease {
    std::uint64_t id;
    MonotonicTime expires_at;
  };

  // The last calls, as a ring, with running sums.
  struct Window {
    struct Call {
      bool failed;
      bool slow;
    };
    std::vector<Call> calls;
    std::size_t next = 0; // where the oldest stands once the ring is full
    std::size_t failed = 0;
    std::size_t slow = 0;
  };

  struct State {
    BreakerState state = BreakerState::kClosed;
    std::uint64_t generation = 0;
    std::uint64_t refused = 0;
    std::size_t consecutive_failures = 0;
    MonotonicTime opened_at{};
    std::size_t probe_successes = 0;
    std::vector<Lease> leases; // at most half_open_probes
    std::uint64_t last_lease = 0;
    Window window;
  };

  void report(const Permit& permit, Outcome outcome, MonotonicTime now);
  void release(const Permit& permit);
  void enter(State& state, BreakerState next, MonotonicTime now) const;
  void report_closed(State& state, bool failed, bool slow, MonotonicTime now) const;
  void report_probe(State& state, bool failed, MonotonicTime now) const;
  void remember(Window& window, bool failed, bool slow) const;
  bool window_says_open(const Window& window) const;

  const CircuitBreakerConfig config_;
  Guarded<State> state_;
};

} // namespace raglan::policy
