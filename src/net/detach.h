// Starts a coroutine that nobody waits for, or that a thread waits for, on an event loop.
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
#include <boost/asio/use_future.hpp>
#include <utility>

#include "net/task.h"

namespace raglan::net {

// Runs a coroutine on the loop and waits for it, on a thread that is no loop's.
template <typename T>
T run_on(const boost::asio::any_io_executor& loop, Task<T> task) {
  return boost::asio::co_spawn(loop, std::move(task), boost::asio::use_future).get();
}

inline void detach(const boost::asio::any_io_executor& loop, Task<void> task) {
  boost::asio::co_spawn(loop, std::move(task), boost::asio::detached);
}

} // namespace raglan::net
