// Runs blocking work on an executor and resumes the coroutine on the loop it came from.
//
//   auto search = [&index, query] { return index.search(query); };  // returns Result<SearchResult>
//   Result<SearchResult> found = co_await offload(submit, std::move(search), deadline, clock);
//
// `submit` queues the work on a bounded executor and returns false when the queue is full; the
// caller then gets kOverloaded at once. The wait ends with kDeadlineExceeded at the deadline, and
// with kClientClosed when the coroutine is cancelled (the client went away): work still queued is
// then not run; work already running is left to finish and its result is dropped, so a write that
// is answered with either may have been done. So `work` must own what it uses, or use what outlives
// the executor: never references to locals of the awaiting coroutine.
//
// The deadline is looked at twice: a timer ends the wait, and the work asks `clock` when its turn
// comes. A full queue of requests that nobody waits for any more is thus empty in no time.
//
// Thread safety and order of destruction: those of net/completion.h.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/clock.h"
#include "base/deadline.h"
#include "net/completion.h"

namespace raglan::net {

using Submit = std::function<bool(std::function<void()>)>;

namespace detail {

template <typename T>
struct ResultValue;
template <typename T>
struct ResultValue<Result<T>> {
  using type = T;
};

// Queued work. Dropped before it ran, it says so itself: the timer holds the Completion too.
template <typename T, typename Start>
struct Queued {
  Start start;
  std::optional<Completion<T>> done; // nothing once it ran
  ~Queued() {
    if (!done) return;
    done->deliver(fail(ErrorCode::kUnavailable, "the work was dropped from its queue"));
  }
};

} // namespace detail

// As offload, but `start(done)` may leave the value to be delivered later, by whoever it hands
// `done` to: a queue of its own, say. The wait ends at the deadline there, too.
template <typename T, typename Start>
Task<Result<T>> offload_start(const Submit& submit, Start start, Deadline deadline,
                              const Clock& clock) {
  const Duration patience = deadline.remaining(clock.now());
  if (patience == Duration::zero()) co_return too_late();
  auto begin = [&](const Completion<T>& done) {
    // Shared, because std::function wants to be copyable and `start` need not be.
    auto queued = std::make_shared<detail::Queued<T, Start>>(std::move(start), done);
    const bool accepted = submit([queued, deadline, &clock] {
      const Completion<T> done = *std::exchange(queued->done, std::nullopt);
      if (done.cancelled()) return;
      if (deadline.expired(clock.now())) return done.deliver(too_late());
      queued->start(done);
    });
    if (!accepted) done.deliver(fail(ErrorCode::kOverloaded, "the server is busy"));
    return patience;
  };
  co_return co_await await_within<T>(std::move(begin));
}

// `work()` returns a Result<T>; so does awaiting it. `clock` must outlive the executor.
template <typename Work>
Task<std::invoke_result_t<Work&>> offload(const Submit& submit, Work work, Deadline deadline,
                                          const Clock& clock) {
  using T = typename detail::ResultValue<std::invoke_result_t<Work&>>::type;
  auto start = [work = std::move(work)](const Completion<T>& done) mutable {
    done.deliver(work());
  };
  return offload_start<T>(submit, std::move(start), deadline, clock);
}

} // namespace raglan::net
