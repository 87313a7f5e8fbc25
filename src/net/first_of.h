// Two coroutines at the same time, on the caller's loop, until the first of them ends: the other is
// cancelled, and its end waited for.
//
//   co_await first_of(work(job), keep_lease(job));
//
// One that throws has not ended: the other goes on. A cancelled caller cancels both.
//
// Thread safety: belongs to one event loop.
#pragma once

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "net/task.h"

namespace raglan::net {

inline Task<void> first_of(Task<void> one, Task<void> other) {
  using boost::asio::experimental::awaitable_operators::operator||;
  (void)co_await (std::move(one) || std::move(other));
}

} // namespace raglan::net
