// Awaits a value that another thread, or a callback, delivers.
//
//   auto begin = [&queue, text](Completion<Embeddings> done) {
//     queue.submit(text, [done](Result<Embeddings> made) { done.deliver(std::move(made)); });
//   };
//   Result<Embeddings> made = co_await await_completion<Embeddings>(std::move(begin));
//
// The coroutine resumes on its own loop, once, with the first of: the delivered value;
// kClientClosed when it is cancelled; kUnavailable when every copy of the Completion is gone and
// none delivered (an executor that was stopped with work in its queue). What comes later is
// dropped, so a deliverer need not know whether anybody still waits; `cancelled()` lets it skip
// work that nobody wants.
//
// Thread safety: a Completion may be used from any thread. The waiting coroutine is touched only on
// its loop: deliveries are posted there. Deliverers must be stopped before the event loops are
// destroyed.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/result.h"
#include "net/task.h"

namespace raglan::net {

template <typename T>
class Completion {
 public:
  void deliver(Result<T> value) const { once_->deliver(std::move(value)); }
  // Advice, not a promise: a cancellation may still arrive after a false.
  bool cancelled() const { return once_->wait->cancelled.load(std::memory_order_relaxed); }

 private:
  struct Wait {
    boost::asio::any_io_executor executor;
    std::move_only_function<void(Result<T>)> resume; // the loop's; empty once called
    std::atomic<bool> cancelled = false;
  };

  struct Once {
    explicit Once(std::shared_ptr<Wait> waiting) : wait(std::move(waiting)) {}
    Once(const Once&) = delete;
    Once& operator=(const Once&) = delete;
    ~Once() { deliver(fail(ErrorCode::kUnavailable, "the work was dropped before it was done")); }
    void deliver(Result<T> value) {
      if (delivered.exchange(true) || wait->cancelled) return;
      resume_with(wait, std::move(value));
    }
    std::shared_ptr<Wait> wait;
    std::atomic<bool> delivered = false;
  };

  static void resume_with(const std::shared_ptr<Wait>& wait, Result<T> value) {
    boost::asio::post(wait->executor, [wait, value = std::move(value)]() mutable {
      if (auto resume = std::exchange(wait->resume, nullptr)) resume(std::move(value));
    });
  }

  explicit Completion(std::shared_ptr<Wait> wait)
      : once_(std::make_shared<Once>(std::move(wait))) {}

  template <typename U, typename Begin>
  friend Task<Result<U>> await_completion(Begin begin);

  std::shared_ptr<Once> once_;
};

// `begin` is called with the Completion, on the loop; it must not block.
template <typename T, typename Begin>
Task<Result<T>> await_completion(Begin begin) {
  auto executor = co_await boost::asio::this_coro::executor;
  auto initiate = [&begin, &executor](auto handler) {
    using Wait = typename Completion<T>::Wait;
    auto wait = std::make_shared<Wait>();
    wait->executor = executor;
    auto slot = boost::asio::get_associated_cancellation_slot(handler);
    wait->resume = std::move(handler);
    if (slot.is_connected()) {
      // Weak: the slot lives in the coroutine that the wait keeps alive.
      slot.assign([weak = std::weak_ptr<Wait>(wait)](boost::asio::cancellation_type) {
        const auto waiting = weak.lock();
        if (!waiting) return;
        waiting->cancelled.store(true, std::memory_order_relaxed);
        Completion<T>::resume_with(waiting, fail(ErrorCode::kClientClosed, "cancelled"));
      });
    }
    begin(Completion<T>(std::move(wait)));
  };
  const auto token = boost::asio::use_awaitable;
  co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>,
                                                 void(Result<T>)>(initiate, token);
}

inline std::unexpected<Error> too_late() {
  return fail(ErrorCode::kDeadlineExceeded, "the request's deadline has passed");
}

// As await_completion, but `begin` returns how long to wait (Duration::max(): without end); what is
// not there by then is kDeadlineExceeded.
template <typename T, typename Begin>
Task<Result<T>> await_within(Begin begin) {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
  auto timed = [&begin, &timer](const Completion<T>& done) {
    const Duration longest = begin(done);
    if (longest == Duration::max()) return;
    timer.expires_after(longest);
    timer.async_wait([done](const boost::system::error_code& stopped) {
      if (!stopped) done.deliver(too_late());
    });
  };
  co_return co_await await_completion<T>(std::move(timed));
}

} // namespace raglan::net
