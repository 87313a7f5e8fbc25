// A client on two event loops, and ways to await its coroutines from a test's thread.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "net/loop_fixture_test.h"
#include "redis/client.h"

namespace raglan::redis {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Longer than anything takes here, for tests that are not about time: machines stall.
inline ClientConfig patient(const std::string& url) {
  ClientConfig config;
  config.url = config::Secret(url);
  config.timeout = seconds(10);
  return config;
}

// As an installation has it, but for a breaker that is soon tried again.
inline ClientConfig with_failover(const std::string& url) {
  auto config = patient(url);
  config.timeout = milliseconds(500);
  config.breaker.recovery_timeout = milliseconds(100);
  return config;
}

inline Deadline within(Duration patience) {
  return Deadline::after(patience, SystemClock::instance().now());
}

// Waits for what happens on other threads or in other processes anyway; false after ten seconds.
inline bool eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 5000; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(milliseconds(2));
  }
  return false;
}

// What was told on other threads, in order.
class Told {
 public:
  void add(std::string what) {
    const std::lock_guard lock(mutex_);
    told_.push_back(std::move(what));
    changed_.notify_all();
  }
  // Waits until there are so many, at most twenty seconds; all there are.
  std::vector<std::string> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, seconds(20), [&] { return told_.size() >= count; });
    return told_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> told_;
};

class RedisTest : public net::LoopTest {
 protected:
  ~RedisTest() override { client_.reset(); }

  void connect(ClientConfig config, ClientInstruments instruments = {}) {
    auto created = Client::create(std::move(config), loops_, instruments);
    ASSERT_TRUE(created.has_value());
    client_ = std::move(*created);
  }
  Client& client() { return *client_; }

  net::Running<Reply> begin(Command command, std::size_t loop = 0, Deadline deadline = {}) {
    return start(client_->command(std::move(command), deadline), loop);
  }
  Result<Reply> run(Command command, std::size_t loop = 0, Deadline deadline = {}) {
    return begin(std::move(command), loop, deadline).get();
  }
  // Of a coroutine that cannot fail.
  template <typename T>
  net::Running<T> begin(net::Task<T> task, std::size_t loop = 0) {
    return start(as_result(std::move(task)), loop);
  }
  net::Running<void> begin(net::Task<void> task, std::size_t loop = 0) {
    return start(as_result(std::move(task)), loop);
  }
  // What GET finds: the text, "(nil)", or the error's name.
  std::string get(std::string_view key, std::size_t loop = 0) {
    const auto reply = run(Command("GET", key), loop);
    if (!reply) return std::string(error_code_name(reply.error().code));
    return std::string(reply->string().value_or("(nil)"));
  }

  std::unique_ptr<Client> client_;

 private:
  template <typename T>
  static net::Task<Result<T>> as_result(net::Task<T> task) {
    co_return co_await std::move(task);
  }
  static net::Task<Result<>> as_result(net::Task<void> task) {
    co_await std::move(task);
    co_return Result<>();
  }
};

inline std::optional<ErrorCode> code_of(const Result<Reply>& result) {
  return result ? std::nullopt : std::optional(result.error().code);
}

} // namespace raglan::redis
