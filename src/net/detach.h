// Starts a coroutine that nobody waits for, on an event loop.
//
//   net::detach(co_await boost::asio::this_coro::executor, refresh(std::move(permit), request));
//
// What the coroutine needs it owns, or it outlives the loops. Its errors are its own to report;
// what it throws is dropped. How many run at a time is the caller's to bound.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <utility>

#include "net/task.h"

namespace raglan::net {

inline void detach(const boost::asio::any_io_executor& loop, Task<void> task) {
  boost::asio::co_spawn(loop, std::move(task), boost::asio::detached);
}

} // namespace raglan::net
