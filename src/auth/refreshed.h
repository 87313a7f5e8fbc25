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
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/guarded.h"
#include "base/result.h"
#include "net/detach.h"
#include "net/single_flight.h"
#include "net/task.h"

namespace raglan::auth {

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
  using Fetch = std::function<net::Task<Result<Value>>(Value known)>;

  Refreshed(RefreshTimes times, Fetch fetch, const Clock& clock)
      : times_(times), fetch_(std::move(fetch)), clock_(clock) {}

  // Never null. Errors: those of `fetch`, when there is nothing to go on with; kDeadlineExceeded,
  // kClientClosed.
  net::Task<Result<Value>> get(Deadline deadline);
  // Newer than `known`, which lacks what was looked for; the same when there may be none yet, or
  // none can be had.
  net::Task<Result<Value>> newer(Value known, Deadline deadline);
  // It was changed by this process: who asks from now on waits for what it is now.
  void expire();

 private:
  struct State {
    Value value;
    MonotonicTime fetched_at{};
    std::optional<MonotonicTime> tried_at;
    std::uint64_t changes = 0; // by this process
    bool expired = false;
    Error failure{ErrorCode::kUnavailable, "it was not fetched yet", ""}; // of the last attempt
  };

  bool may_try(MonotonicTime now, Duration interval);
  net::Task<Result<Value>> fetch(Deadline deadline);
  net::Task<Result<Value>> fetch_now();
  net::Task<void> refresh() {
    (void)co_await fetch(Deadline::after(times_.fetch_timeout, clock_.now()));
  }

  static constexpr Hash128 kTheOne{}; // there is one to fetch
  static constexpr int kUrgency = 0;

  const RefreshTimes times_;
  const Fetch fetch_;
  const Clock& clock_;
  net::SingleFlight<Value> fetches_;
  std::atomic<int> fetching_ = 0;
  Guarded<State> state_;
};

template <typename T>
net::Task<Result<typename Refreshed<T>::Value>> Refreshed<T>::get(Deadline deadline) {
  const MonotonicTime now = clock_.now();
  const auto [value, age, expired] = state_.with([&](const State& state) {
    return std::tuple(state.value, now - state.fetched_at, state.expired);
  });
  if (expired) co_return co_await fetch(deadline);
  if (!value || age >= times_.max_age) {
    // Whoever comes while it is fetched waits for that; when it has just failed nobody asks again.
    if (fetching_ == 0 && !may_try(now, times_.retry_interval)) {
      co_return std::unexpected(state_.with([](const State& state) { return state.failure; }));
    }
    co_return co_await fetch(deadline);
  }
  if (age >= times_.refresh_after &&
      may_try(now, std::min(times_.refresh_after, times_.min_interval))) {
    net::detach(co_await boost::asio::this_coro::executor, refresh());
  }
  co_return value;
}

template <typename T>
net::Task<Result<typename Refreshed<T>::Value>> Refreshed<T>::newer(Value known,
                                                                    Deadline deadline) {
  const Value present = state_.with([](const State& state) { return state.value; });
  if (present != known) co_return present;
  if (fetching_ == 0 && !may_try(clock_.now(), times_.min_interval)) co_return known;
  auto fetched = co_await fetch(deadline);
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
bool Refreshed<T>::may_try(MonotonicTime now, Duration interval) {
  return state_.with([&](State& state) {
    if (state.tried_at && now - *state.tried_at < interval) return false;
    state.tried_at = now;
    return true;
  });
}

template <typename T>
net::Task<Result<typename Refreshed<T>::Value>> Refreshed<T>::fetch(Deadline deadline) {
  bool joined = false;
  auto start = [this] { return fetch_now(); };
  co_return co_await fetches_.run(kTheOne, kUrgency, std::move(start), deadline, clock_, joined);
}

template <typename T>
net::Task<Result<typename Refreshed<T>::Value>> Refreshed<T>::fetch_now() {
  struct Fetching {
    explicit Fetching(std::atomic<int>& of) : under_way(of) { ++under_way; }
    ~Fetching() { --under_way; }
    std::atomic<int>& under_way;
  };
  const Fetching fetching(fetching_);
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

} // namespace raglan::auth
