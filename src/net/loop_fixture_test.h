// Coroutines on event loops, awaited from a test's thread.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <future>
#include <memory>
#include <optional>

#include "base/result.h"
#include "net/event_loops.h"
#include "net/task.h"

namespace raglan::net {

// A coroutine under way on a loop.
template <typename T>
class Running {
 public:
  Running(EventLoops& loops, std::size_t loop, Task<Result<T>> task) : loops_(loops), loop_(loop) {
    auto promise = std::make_shared<std::promise<Result<T>>>();
    future_ = promise->get_future();
    // The signal outlives the coroutine, should the test not wait for it.
    auto deliver = [promise, signal = signal_](const std::exception_ptr& thrown,
                                               std::optional<Result<T>> result) {
      if (thrown) result = error_of(thrown);
      promise->set_value(std::move(*result));
    };
    boost::asio::co_spawn(loops.executor(loop), as_optional(std::move(task)),
                          boost::asio::bind_cancellation_slot(signal_->slot(), std::move(deliver)));
  }

  void cancel() {
    loops_.post(loop_,
                [signal = signal_] { signal->emit(boost::asio::cancellation_type::terminal); });
  }
  // A test that would hang fails instead.
  Result<T> get() {
    if (future_.wait_for(std::chrono::seconds(20)) != std::future_status::ready) {
      return fail(ErrorCode::kInternal, "the coroutine did not end");
    }
    return future_.get();
  }
  std::optional<ErrorCode> error() {
    const auto result = get();
    return result ? std::nullopt : std::optional(result.error().code);
  }

 private:
  // A coroutine that is cancelled between two waits throws at the next.
  static std::unexpected<Error> error_of(const std::exception_ptr& thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const boost::system::system_error& error) {
      if (error.code() == boost::asio::error::operation_aborted) {
        return fail(ErrorCode::kClientClosed, "cancelled");
      }
    } catch (...) {
    }
    return fail(ErrorCode::kInternal, "thrown");
  }

  static Task<std::optional<Result<T>>> as_optional(Task<Result<T>> task) {
    co_return co_await std::move(task);
  }

  EventLoops& loops_;
  const std::size_t loop_;
  std::shared_ptr<boost::asio::cancellation_signal> signal_ =
      std::make_shared<boost::asio::cancellation_signal>();
  std::future<Result<T>> future_;
};

class LoopTest : public testing::Test {
 protected:
  LoopTest() { loops_.start(); }
  ~LoopTest() override { loops_.stop(); }

  template <typename T>
  Running<T> start(Task<Result<T>> task, std::size_t loop = 0) {
    return Running<T>(loops_, loop, std::move(task));
  }
  // Returns once the loop has done all that was posted to it before.
  void settle(std::size_t loop = 0) {
    std::promise<void> reached;
    loops_.post(loop, [&] { reached.set_value(); });
    reached.get_future().wait();
  }

  EventLoops loops_{{.threads = 2}};
};

} // namespace raglan::net
