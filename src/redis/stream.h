// One connection to a Redis server: its socket, the login, and the replies that arrive.
// Internal to redis/; client.h and subscriber.h say what it all does.
//
// It has no opinion on who is waiting for what: whoever owns it writes, reads, and closes it.
// Closing ends what is under way. `open` and `ask` have time limits; for everything
// else owners have their own.
//
// Thread safety: belongs to the loop that made it.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "net/task.h"
#include "redis/client_shared.h"
#include "redis/reply_parser.h"

namespace raglan::redis {

class Stream : public std::enable_shared_from_this<Stream> {
 public:
  using Executor = boost::asio::io_context::executor_type;
  using Socket = boost::asio::generic::stream_protocol::socket;

  // Whether it matters what the server says that it is (ROLE).
  enum class Role : std::uint8_t { kAny, kMaster };
  // Of a server that commands go to. (One of a cluster redirects them if it is no master.)
  static Role role_in(Mode mode) { return mode == Mode::kSentinel ? Role::kMaster : Role::kAny; }

  Stream(std::shared_ptr<ClientShared> shared, Address address, Role role,
         const Executor& executor);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Name lookup, connecting, the TLS handshake where it is wanted, login and naming the
  // connection, all before `due`. A server that says that it is no master, where one is wanted, is
  // left. (One that does not say, as the login may not ask, is taken for it.) Errors: kUnavailable
  // with the reason, kOverloaded (too many lookups).
  net::Task<Result<>> open(MonotonicTime due);
  // One question, answered before `due`, on an open connection that nobody else uses. Errors:
  // kUpstream, kDeadlineExceeded; the connection is closed then.
  net::Task<Result<Reply>> ask(std::string_view wire, MonotonicTime due);

  // Writes all of it. Errors: kUpstream.
  net::Task<Result<>> write(std::string_view bytes);
  // Reads what has arrived, at least a byte. Errors: kUpstream.
  net::Task<Result<>> fill();
  // The next reply of what was read; nullopt when there is none. Errors: kUpstream.
  Result<std::optional<Reply>> next() { return parser_.next(); }
  // The next reply, read when it is not there.
  net::Task<Result<Reply>> read();

  // Writes all of `bytes`, which must stay until `done` is called with what went wrong. No other
  // write may be under way.
  void write(std::string_view bytes, std::function<void(const boost::system::error_code&)> done);
  void close();

 private:
  using Endpoint = boost::asio::generic::stream_protocol::endpoint;

  net::Task<Result<std::vector<Endpoint>>> find(MonotonicTime due);
  net::Task<Result<>> connect(const std::vector<Endpoint>& endpoints, MonotonicTime due);
  net::Task<Result<>> shake_hands();
  net::Task<Result<>> log_in();
  net::Task<Result<>> expect(std::string_view step, bool required);
  net::Task<Result<>> expect_master();
  // Closes the socket at `due`, unless unwatch or watch are called before.
  void watch(MonotonicTime due);
  void unwatch();

  const std::shared_ptr<ClientShared> shared_;
  const Address address_;
  const Role role_;
  Socket socket_;
  std::optional<boost::asio::ssl::stream<Socket&>> tls_;
  boost::asio::steady_timer timer_;
  std::uint64_t watch_ = 0; // the timer's present errand
  bool overdue_ = false;
  bool closed_ = false;
  ReplyParser parser_;
  std::vector<char> input_;
};

} // namespace raglan::redis
