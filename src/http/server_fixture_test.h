// A server on loopback with a clock that the test moves, and the routes that the tests ask for.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <semaphore>

#include "base/guarded.h"
#include "base/log.h"
#include "http/raw_client_test.h"
#include "http/server.h"
#include "net/completion.h"

namespace raglan::http {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    config_.sweep_interval = milliseconds(2);
    add_routes();
  }

  void start(std::size_t threads = 2) {
    loops_.emplace(net::EventLoopsConfig{.threads = threads});
    loops_->start();
    ServerHooks hooks;
    hooks.completed = [this](const CompletedRequest& completed) {
      statuses_.with([&](auto& list) { list.push_back(completed.status); });
      completions_.release();
    };
    auto handler = [this, routed = router_.handler()](Request& request) {
      if (request.query == "counted") request.load_share = load_.enter();
      return routed(request);
    };
    server_.emplace(config_, *loops_, std::move(handler), std::move(hooks), clock_);
    auto listener = net::Listener::open({});
    ASSERT_TRUE(listener.has_value());
    ASSERT_TRUE(server_->listen(std::move(*listener)).has_value());
  }

  void TearDown() override {
    gates_.with([](auto& gates) { gates.clear(); });
    server_.reset();
    if (loops_) loops_->stop();
  }

  std::uint16_t port() const { return server_->port(); }
  std::vector<int> statuses() {
    return statuses_.with([](auto& list) { return list; });
  }
  // Waits until the nth request so far has been reported.
  bool wait_for_completion() { return completions_.try_acquire_for(seconds(10)); }
  bool wait_until_held() { return held_.try_acquire_for(seconds(10)); }
  // Ends every held handler.
  void release() {
    gates_.with([](auto& gates) {
      for (auto& gate : gates) gate.deliver(Result<int>(1));
      gates.clear();
    });
  }
  // Waits for what happens on other threads anyway; false after ten seconds.
  bool eventually(const std::function<bool()>& holds) { return advance_until({}, holds); }
  // Moves the clock on and on until `done`; false after ten real seconds.
  bool advance_until(Duration step, const std::function<bool()>& done) {
    for (int i = 0; i < 5000; ++i) {
      if (done()) return true;
      clock_.advance(step);
      std::this_thread::sleep_for(milliseconds(2));
    }
    return false;
  }

  net::Task<Response> hold(Request&) {
    auto begin = [this](net::Completion<int> done) {
      gates_.with([&](auto& gates) { gates.push_back(std::move(done)); });
      held_.release();
    };
    auto released = co_await net::await_completion<int>(std::move(begin));
    if (!released) handler_cancelled_ = true;
    co_return text_response(200, "held");
  }

  net::Task<Response> held_stream() {
    Response response;
    response.stream = [this](StreamWriter& out) -> net::Task<Result<>> {
      co_await out.write("first");
      Request unused;
      co_await hold(unused);
      co_await out.write("last");
      co_return Result<>();
    };
    co_return response;
  }

  ManualClock clock_;
  ServerConfig config_;
  Load load_; // of requests with ?counted
  Router router_;
  Guarded<std::vector<net::Completion<int>>> gates_;
  std::counting_semaphore<> held_{0};
  std::counting_semaphore<> completions_{0};
  std::atomic<bool> handler_cancelled_ = false;
  Guarded<std::shared_ptr<BodyReservation>> taken_along_; // of POST /take
  Guarded<std::vector<int>> statuses_;
  std::optional<net::EventLoops> loops_;
  std::optional<Server> server_;

 private:
  void add_routes() {
    router_.add("GET", "/hello",
                [](Request&) -> net::Task<Response> { co_return text_response(200, "hello"); });
    router_.add("POST", "/take", [this](Request& request) -> net::Task<Response> {
      taken_along_.with([&](auto& taken) { taken = request.body_reservation; });
      co_return text_response(200, "taken");
    });
    router_.add("POST", "/echo", [](Request& request) -> net::Task<Response> {
      co_return text_response(200, request.body);
    });
    router_.add("GET", "/large", [](Request&) -> net::Task<Response> {
      co_return text_response(200, std::string(32 * 1024 * 1024, 'x'));
    });
    router_.add("GET", "/throw", [](Request&) -> net::Task<Response> {
      if (true) std::string().at(1);
      co_return text_response(200, "");
    });
    router_.add("GET", "/empty",
                [](Request&) -> net::Task<Response> { co_return Response{204, {}, {}, {}}; });
    for (const auto* method : {"GET", "POST"}) {
      router_.add(method, "/hold", [this](Request& request) { return hold(request); });
      router_.add(method, "/held-stream", [this](Request&) { return held_stream(); });
    }
    router_.add("GET", "/stream", [](Request&) -> net::Task<Response> {
      Response response;
      response.stream = [](StreamWriter& out) -> net::Task<Result<>> {
        co_await out.write("one");
        co_await out.write("");
        co_await out.write("twelve bytes");
        co_return Result<>();
      };
      co_return response;
    });
    router_.add("GET", "/broken-stream", [](Request&) -> net::Task<Response> {
      Response response;
      response.stream = [](StreamWriter& out) -> net::Task<Result<>> {
        co_await out.write("one");
        co_return fail(ErrorCode::kUpstream, "gone");
      };
      co_return response;
    });
    router_.add("GET", "/endless", [this](Request&) -> net::Task<Response> {
      Response response;
      response.stream = [this](StreamWriter& out) -> net::Task<Result<>> {
        const std::string block(64 * 1024, 'x');
        while (true) {
          auto written = co_await out.write(block);
          if (!written) co_return forward_error(written);
          endless_bytes_ += block.size();
        }
      };
      co_return response;
    });
  }

 protected:
  std::atomic<std::size_t> endless_bytes_ = 0;
};

} // namespace raglan::http
