// Runs blocking work on an executor and resumes the coroutine on the loop it came from.
//
//   auto search = [&index, query] { return index.search(query); };  // returns Result<SearchResult>
//   Result<SearchResult> found = co_await offload(submit, std::move(search));
//
// `submit` queues the work on a bounded executor and returns false when the queue is full; the
// caller then gets kOverloaded at once. Cancelling the coroutine (the client went away) ends the
// wait at once with kClientClosed: work still queued is not run, work already running is left to
// finish and its result is dropped. So `work` must own what it uses, or use what outlives the
// executor: never references to locals of the awaiting coroutine.
//
// Thread safety and order of destruction: those of net/completion.h.
#pragma once

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

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

} // namespace detail

// `work()` returns a Result<T>; so does awaiting it.
template <typename Work>
Task<std::invoke_result_t<Work&>> offload(const Submit& submit, Work work) {
  using T = typename detail::ResultValue<std::invoke_result_t<Work&>>::type;
  auto begin = [&submit, &work](Completion<T> done) {
    // Shared, because std::function wants to be copyable and `work` need not be.
    auto owned = std::make_shared<Work>(std::move(work));
    const bool queued = submit([owned, done] {
      if (!done.cancelled()) done.deliver((*owned)());
    });
    if (!queued) done.deliver(fail(ErrorCode::kOverloaded, "the server is busy"));
  };
  co_return co_await await_completion<T>(std::move(begin));
}

} // namespace raglan::net
