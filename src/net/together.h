// Several coroutines at the same time, on the caller's loop; done when all are.
//
//   std::vector<Task<Result<Reply>>> tasks = …;        // none of them has started
//   std::vector<Result<Reply>> replies = co_await together(std::move(tasks));  // in their order
//
// A cancelled caller cancels them, and waits for their ends. What one throws is thrown when all
// have ended. How many are too many is the caller's business.
//
// Thread safety: belongs to one event loop.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/task.h"

namespace raglan::net {

template <typename T>
Task<std::vector<Result<T>>> together(std::vector<Task<Result<T>>> tasks) {
  namespace asio = boost::asio;
  if (tasks.empty()) co_return std::vector<Result<T>>();
  const auto executor = co_await asio::this_coro::executor;
  const auto start = [&executor](Task<Result<T>> task) {
    return asio::co_spawn(executor, std::move(task), asio::deferred);
  };
  std::vector<decltype(start(std::move(tasks.front())))> running;
  running.reserve(tasks.size());
  for (Task<Result<T>>& task : tasks) running.push_back(start(std::move(task)));
  auto group = asio::experimental::make_parallel_group(std::move(running));
  auto [order, thrown, results] =
      co_await group.async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);
  for (const std::exception_ptr& each : thrown) {
    if (each) std::rethrow_exception(each);
  }
  co_return std::move(results);
}

} // namespace raglan::net
