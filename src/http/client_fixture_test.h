// A client on two event loops, and ways to await its coroutines from a test's thread.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <future>
#include <memory>
#include <optional>

#include "http/client.h"
#include "http/raw_server_test.h"
#include "net/event_loops.h"

namespace raglan::http {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline Deadline within(Duration patience) {
  return Deadline::after(patience, SystemClock::instance().now());
}

// A coroutine under way on a loop. What it throws (cancellation does) becomes kClientClosed.
template <typename T>
class Running {
 public:
  Running(net::EventLoops& loops, net::Task<Result<T>> task, std::size_t loop = 0)
      : loops_(loops), loop_(loop) {
    auto promise = std::make_shared<std::promise<Result<T>>>();
    future_ = promise->get_future();
    auto deliver = [promise](const std::exception_ptr& thrown, std::optional<Result<T>> result) {
      if (thrown) result = fail(ErrorCode::kClientClosed, "thrown");
      promise->set_value(std::move(*result));
    };
    boost::asio::co_spawn(loops_.executor(loop_), as_optional(std::move(task)),
                          boost::asio::bind_cancellation_slot(signal_->slot(), std::move(deliver)));
  }

  void cancel() {
    loops_.post(loop_,
                [signal = signal_] { signal->emit(boost::asio::cancellation_type::terminal); });
  }
  // A test that would hang fails instead.
  Result<T> get() {
    if (future_.wait_for(seconds(60)) != std::future_status::ready) {
      return fail(ErrorCode::kInternal, "the coroutine did not end");
    }
    return future_.get();
  }
  bool done() const { return future_.wait_for(seconds(0)) == std::future_status::ready; }

 private:
  // What a coroutine of co_spawn returns must have a default.
  static net::Task<std::optional<Result<T>>> as_optional(net::Task<Result<T>> task) {
    co_return co_await std::move(task);
  }

  net::EventLoops& loops_;
  const std::size_t loop_;
  std::shared_ptr<boost::asio::cancellation_signal> signal_ =
      std::make_shared<boost::asio::cancellation_signal>();
  std::future<Result<T>> future_;
};

class ClientFixture {
 public:
  explicit ClientFixture(ClientConfig config = {}, std::size_t threads = 2)
      : loops_({.threads = threads}) {
    loops_.start();
    client_.emplace(std::move(config), loops_);
  }
  ~ClientFixture() {
    client_.reset();
    loops_.stop();
  }

  Client& client() { return *client_; }
  net::EventLoops& loops() { return loops_; }
  void destroy_client() { client_.reset(); }

  Running<ClientResponse> start(ClientRequest request, Deadline deadline = within(seconds(10)),
                                std::size_t loop = 0) {
    return {loops_, client_->send(std::move(request), deadline), loop};
  }
  Result<ClientResponse> send(ClientRequest request, Deadline deadline = within(seconds(10)),
                              std::size_t loop = 0) {
    return start(std::move(request), deadline, loop).get();
  }
  Result<ClientResponse> get(std::string url) { return send({.url = std::move(url)}); }

  // Waits for what happens on other threads anyway; false after ten seconds.
  bool eventually(const std::function<bool()>& holds) {
    for (int i = 0; i < 5000; ++i) {
      if (holds()) return true;
      std::this_thread::sleep_for(milliseconds(2));
    }
    return false;
  }

 private:
  net::EventLoops loops_;
  std::optional<Client> client_;
};

inline std::optional<ErrorCode> code_of(const Result<ClientResponse>& result) {
  return result ? std::nullopt : std::optional(result.error().code);
}

} // namespace raglan::http
