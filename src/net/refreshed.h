// A value that is kept elsewhere and changes there, fetched and kept for a while.
//
//   Refreshed<KeySet> keys(times, fetch, clock);
//   auto now = co_await keys.get(deadline);            // Result<std::shared_ptr<const KeySet>>
//   if (!(*now)->knows(id)) now = co_await keys.newer(*now, deadline);
//
// What was fetched is used for `refresh_after` and then fetched again, behind the requests: they go
// on with what there is, until that is `max_age` old. Then they wait for a newer one, and fail when
// there is none. Who misses something in it may ask for a newer one at once. However many ask, one
// fetches at a time, and not more often than `min_interval`, or `retry_interval` while there is
// nothing to go on with.
//
// Thread safety: any event loop, concurrently. It must outlive the loops' last coroutine, and so
// must the clock.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/guarded.h"
#include "base/result.h"
#include "net/detach.h"
#include "net/single_flight.h"
#include "net/task.h"

namespace raglan::net {

struct RefreshTimes {
  Duration refresh_after;
  Duration max_age = Duration::max(); // as of when its fetching began
  Duration min_interval;
  Duration retry_interval;
  Duration fetch_timeout; // that nobody waits for; `fetch` keeps one of its own otherwise
};

template <typename T>
class Refreshed {
 public:
  using Value = std::shared_ptr<const T>;
  // `known` is what there is, null at first; it may be given back when nothing has changed.
  using Fetch = std::function<Task<Result<Value>>(Value known)>;

  Refreshed(RefreshTimes times, Fetch fetch, const Clock& clock)
      : times_(times), fetch_(std::move(fetch)), clock_(clock) {}

  // Never null. Errors: those of `fetch`, when there is nothing to go on with; kDeadlineExceeded,
  // kClientClosed.
  Task<Result<Value>> get(Deadline deadline);
  // Newer than `known`, which lacks what was looked for; the same when there may be none yet, or
  // none can be had.
  Task<Result<Value>> newer(Value known, Deadline deadline);
  // It was changed by this process: who asks from now on waits for what it is now.
  void expire();

 private:
  struct State {
    Value value;
    MonotonicTime fetched_at{};
    std::optional<MonotonicTime> tried_at;
    std::size_t waiting = 0;   // for a fetch
    std::uint64_t changes = 0; // by this process
    bool expired = false;
    Error failure{ErrorCode::kUnavailable, "it was not fetched yet", ""}; // of the last attempt
  };

  // One of those that wait for a fetch, counted in State::waiting already.
  class Waiting {
   public:
    explicit Waiting(Guarded<State>& state) : state_(&state) {}
    Waiting(Waiting&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    Waiting& operator=(Waiting&&) = delete;
    ~Waiting() {
      if (state_) state_->with([](State& state) { --state.waiting; });
    }

   private:
    Guarded<State>* state_; // null when moved from
  };

  static bool may_try(State& state, MonotonicTime now, Duration interval);
  Task<Result<Value>> fetch(Waiting waiting, Deadline deadline);
  Task<Result<Value>> fetch_now();
  Task<void> refresh(Waiting waiting) {
    (void)co_await fetch(std::move(waiting), Deadline::after(times_.fetch_timeout, clock_.now()));
  }

  static constexpr Hash128 kTheOne{}; // there is one to fetch
  static constexpr int kUrgency = 0;

  const RefreshTimes times_;
  const Fetch fetch_;
  const Clock& clock_;
  SingleFlight<Value> fetches_;
  Guarded<State> state_;
};

template <typename T>
Task<Result<typename Refreshed<T>::Value>> Refreshed<T>::get(Deadline deadline) {
  enum class Way : std::uint8_t { kUse, kUseAndRefresh, kFetch, kFail };
  const MonotonicTime now = clock_.now();
  Value value;
  std::optional<Error> failure;
  // At once: between two looks the fetch that decides might end, or begin.
  const Way way = state_.with([&](State& state) {
    value = state.value;
    const Duration age = now - state.fetched_at;
    if (value && !state.expired && age < times_.max_age) {
      const bool due = age >= times_.refresh_after &&
                       may_try(state, now, std::min(times_.refresh_after, times_.min_interval));
      state.waiting += due ? 1 : 0;
      return due ? Way::kUseAndRefresh : Way::kUse;
    }
    // Whoever comes while it is fetched waits for that; when it has just failed nobody asks again.
    const bool waits =
        state.expired || state.waiting > 0 || may_try(state, now, times_.retry_interval);
    state.waiting += waits ? 1 : 0;
    if (!waits) failure = state.failure;
    return waits ? Way::kFetch : Way::kFail;
  });
  if (way == Way::kFail) co_return std::unexpected(std::move(*failure));
  if (way == Way::kUse) co_return value;
  Waiting waiting(state_);
  if (way == Way::kFetch) co_return co_await fetch(std::move(waiting), deadline);
  detach(co_await boost::asio::this_coro::executor, refresh(std::move(waiting)));
  co_return value;
}

template <typename T>
Task<Result<typename Refreshed<T>::Value>> Refreshed<T>::newer(Value known, Deadline deadline) {
  const MonotonicTime now = clock_.now();
  Value present;
  const bool waits = state_.with([&](State& state) {
    present = state.value;
    if (present != known) return false;
    const bool may = state.waiting > 0 || may_try(state, now, times_.min_interval);
    state.waiting += may ? 1 : 0;
    return may;
  });
  if (!waits) co_return present;
  auto fetched = co_await fetch(Waiting(state_), deadline);
  const bool away = !fetched && fetched.error().code != ErrorCode::kDeadlineExceeded &&
                    fetched.error().code != ErrorCode::kClientClosed;
  if (away) co_return known;
  co_return fetched;
}

template <typename T>
void Refreshed<T>::expire() {
  state_.with([](State& state) {
    ++state.changes;
    state.expired = true;
  });
}

template <typename T>
bool Refreshed<T>::may_try(State& state, MonotonicTime now, Duration interval) {
  if (state.tried_at && now - *state.tried_at < interval) return false;
  state.tried_at = now;
  return true;
}

template <typename T>
Task<Result<typename Refreshed<T>::Value>> Refreshed<T>::fetch([[maybe_unused]] Waiting waiting,
                                                               Deadline deadline) {
  bool joined = false;
  auto start = [this] { return fetch_now(); };
  co_return co_await fetches_.run(kTheOne, kUrgency, std::move(start), deadline, clock_, joined);
}

template <typename T>
Task<Result<typename Refreshed<T>::Value>> Refreshed<T>::fetch_now() {
  while (true) {
    const MonotonicTime began = clock_.now();
    const auto [known, changes] =
        state_.with([](const State& state) { return std::pair(state.value, state.changes); });
    auto fetched = co_await fetch_(known);
    const bool current = state_.with([&](State& state) {
      if (!fetched && fetched.error().code == ErrorCode::kClientClosed) {
        state.tried_at.reset(); // whoever asked has left: that says nothing of what is fetched
        return true;
      }
      if (!fetched) {
        state.failure = fetched.error();
        return true;
      }
      if (state.changes != changes) return false; // it may be from before
      if (began < state.fetched_at) return true;
      state.value = *fetched;
      state.fetched_at = began;
      state.expired = false;
      return true;
    });
    if (current) co_return fetched;
  }
}

} // namespace raglan::net
