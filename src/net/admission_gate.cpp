#include "net/admission_gate.h"

#include <algorithm>
#include <utility>

#include "net/detach.h"
#include "net/pause.h"

namespace raglan::net {

using policy::AdmissionReason;
using policy::AdmissionState;
using policy::LimitOutcome;
using policy::Tier;

namespace {

std::unexpected<Error> refusal(AdmissionReason reason, Duration retry_after) {
  if (reason == AdmissionReason::kDeadline) {
    return fail(ErrorCode::kDeadlineExceeded, "the server is too busy to answer in time");
  }
  Error error{ErrorCode::kOverloaded, "the server is busy", {}};
  error.retry_after = retry_after;
  return std::unexpected(std::move(error));
}

std::unexpected<Error> stopped() { return fail(ErrorCode::kUnavailable, "the node is stopping"); }

} // namespace

AdmissionGate::Place::Place(Place&& other) noexcept
    : gate_(std::exchange(other.gate_, nullptr)),
      permit_(std::move(other.permit_)),
      waited_(other.waited_),
      usual_(other.usual_) {}

void AdmissionGate::Place::report(LimitOutcome outcome) {
  auto* gate = std::exchange(gate_, nullptr);
  if (gate) gate->leave(*std::exchange(permit_, std::nullopt), outcome);
}

AdmissionGate::AdmissionGate(Config config, Observer observer, const Clock& clock)
    : observer_(std::move(observer)),
      clock_(clock),
      usual_(config.usual),
      limit_(config.limit, Rng(random_seed())),
      state_(config.admission) {}

Task<Result<AdmissionGate::Place>> AdmissionGate::enter(policy::Ticket ticket, std::size_t kind) {
  const auto loop = co_await boost::asio::this_coro::executor;
  std::uint64_t id = 0;
  auto begin = [&](Completion<Place> done) {
    id = arrive(std::move(ticket), {std::move(done), kind}, loop);
  };
  auto entered = co_await await_completion<Place>(std::move(begin));
  if (!entered && entered.error().code == ErrorCode::kClientClosed) cancel(id);
  co_return entered;
}

AdmissionGate::Status AdmissionGate::status() const {
  return state_.with([this](const State& state) {
    Status status{.limit = limit_.status()};
    for (const Tier tier : policy::kAllTiers) {
      status.waiting[policy::index_of(tier)] = state.admission.waiting(tier);
    }
    return status;
  });
}

void AdmissionGate::stop() {
  const auto waiters = state_.with([](State& state) {
    state.stopped = true;
    for (const auto& [id, waiter] : state.waiters) state.admission.cancel(id);
    return std::exchange(state.waiters, {});
  });
  for (const auto& [id, waiter] : waiters) waiter.done.deliver(stopped());
}

// The ticket's id; 0 when it need not wait.
std::uint64_t AdmissionGate::arrive(policy::Ticket ticket, const Waiter& waiter,
                                    const boost::asio::any_io_executor& loop) {
  const MonotonicTime now = clock_.now();
  Verdicts verdicts;
  bool begin_ticking = false;
  const std::uint64_t id = state_.with([&](State& state) -> std::uint64_t {
    const Tier tier = ticket.tier;
    const auto at_once = [&](Result<Place> result, AdmissionReason reason) {
      verdicts.push_back({waiter.done, std::move(result), tier, reason, {}});
      return 0;
    };
    if (state.stopped) {
      verdicts.push_back({waiter.done, stopped(), tier, std::nullopt, {}});
      return 0;
    }
    if (limit_.status().in_flight > 0) ticket.needs = usual(waiter.kind);
    const auto entry = state.admission.enqueue(std::move(ticket), limit_.available(), now);
    if (entry.evicted) judge(state, *entry.evicted, now, verdicts);
    switch (entry.state) {
      case AdmissionState::kAdmitted:
        return at_once(place_for(waiter.kind, {}, now), AdmissionReason::kNone);
      case AdmissionState::kRefused:
        return at_once(refusal(entry.reason, entry.retry_after), entry.reason);
      case AdmissionState::kQueued: break;
    }
    state.waiters.emplace(entry.id, waiter);
    begin_ticking = !std::exchange(state.ticking, true);
    poll(state, now, verdicts);
    return entry.id;
  });
  announce(std::move(verdicts));
  if (begin_ticking) detach(loop, tick_while_needed());
  return id;
}

void AdmissionGate::leave(policy::ConcurrencyLimit::Permit permit, LimitOutcome outcome) {
  const MonotonicTime now = clock_.now();
  Verdicts verdicts;
  state_.with([&](State& state) {
    permit.report(outcome, now);
    poll(state, now, verdicts);
  });
  announce(std::move(verdicts));
}

void AdmissionGate::cancel(std::uint64_t id) {
  state_.with([&](State& state) {
    // Dropped under the lock: a completion that was cancelled delivers nothing.
    if (state.waiters.erase(id) > 0) state.admission.cancel(id);
  });
}

Duration AdmissionGate::usual(std::size_t kind) const {
  const Duration measured = limit_.baseline(kind);
  return measured > Duration::zero() ? measured : usual_;
}

// One that was seen to be free a moment ago, under the same lock.
Result<AdmissionGate::Place> AdmissionGate::place_for(std::size_t kind, Duration waited,
                                                      MonotonicTime now) {
  auto permit = limit_.try_acquire(now, kind);
  if (!permit) return fail(ErrorCode::kInternal, "internal error");
  return Place(*this, std::move(*permit), waited, usual(kind));
}

void AdmissionGate::poll(State& state, MonotonicTime now, Verdicts& verdicts) {
  for (const auto& decision : state.admission.poll(limit_.available(), now)) {
    judge(state, decision, now, verdicts);
  }
}

void AdmissionGate::judge(State& state, const policy::AdmissionDecision& decision,
                          MonotonicTime now, Verdicts& verdicts) {
  const auto found = state.waiters.extract(decision.id);
  if (found.empty()) return;
  const Waiter& waiter = found.mapped();
  auto result = decision.dropped == AdmissionReason::kNone
                    ? place_for(waiter.kind, decision.waited, now)
                    : refusal(decision.dropped, decision.retry_after);
  verdicts.push_back(
      {waiter.done, std::move(result), decision.tier, decision.dropped, decision.waited});
}

void AdmissionGate::announce(Verdicts verdicts) const {
  for (Verdict& verdict : verdicts) {
    if (observer_.on_decision && verdict.reason) {
      observer_.on_decision(verdict.tier, *verdict.reason, verdict.waited);
    }
    verdict.done.deliver(std::move(verdict.result));
  }
}

Task<void> AdmissionGate::tick_while_needed() {
  do {
    if (auto ok = co_await pause(kTick); !ok) co_return;
  } while (tick());
}

// Whether there will be another.
bool AdmissionGate::tick() {
  const MonotonicTime now = clock_.now();
  Verdicts verdicts;
  const Duration delay = state_.with([&](State& state) {
    poll(state, now, verdicts);
    return state.admission.queue_delay(now);
  });
  announce(std::move(verdicts));
  const bool wanted = observer_.on_tick && observer_.on_tick(delay, now);
  return state_.with([&](State& state) {
    const bool told = delay > Duration::zero(); // the last tick tells that nobody waits
    state.ticking = !state.stopped && (wanted || told || state.admission.waiting() > 0);
    return state.ticking;
  });
}

} // namespace raglan::net
