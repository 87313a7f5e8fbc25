// One connection of the client: TCP, with TLS where the URL says so, and a watch on its time.
// Internal to http/: see client.h for what it all does.
//
// The watch is one timer for the connection's whole life. Each operation sets when it is overdue;
// the timer, when it fires, looks whether that has moved on meanwhile and goes back to sleep. So
// setting a later time, which nearly every operation does, costs nothing. When it is over the
// socket is closed and not just cancelled: a TLS operation is made of several, and a cancel that
// falls between two of them would be lost.
//
// Thread safety: belongs to the loop that made it.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/deadline.h"
#include "http/client_shared.h"
#include "net/task.h"

namespace raglan::http {

enum class IoEnd {
  kProgress, // something was moved
  kClosed,   // the other side closed in good order
  kBroken,   // reset, or a TLS connection that ended without saying so
  kOverdue,  // the watch closed it
  kCancelled,
};

struct IoResult {
  IoEnd end = IoEnd::kProgress;
  std::size_t size_bytes = 0;
};

class ClientConnection : public std::enable_shared_from_this<ClientConnection> {
 public:
  using Executor = boost::asio::io_context::executor_type;

  ClientConnection(std::shared_ptr<ClientShared> shared, const Executor& executor);
  ~ClientConnection();
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;

  // Name lookup, TCP and, if asked for, the TLS handshake; all before `deadline`, of which the
  // connect timeout is part. Errors: kUnavailable, kOverloaded, kDeadlineExceeded, kClientClosed.
  net::Task<Result<>> connect(const Origin& origin, Deadline deadline);

  // Writes all of it (kProgress), or says why not. `written_bytes` counts what the socket took,
  // also when it fails.
  net::Task<IoResult> write(std::string_view head, std::string_view body, Deadline deadline,
                            std::size_t& written_bytes);
  // Reads something behind the input that is there already.
  net::Task<IoResult> read(MonotonicTime due);

  std::string_view input() const;
  void consume(std::size_t size_bytes) { input_begin_ += size_bytes; }

  // Whether an idle connection can still be used: nothing has arrived, not even its end.
  bool is_quiet();
  // Gives back what a large answer took; before it goes to the idle ones.
  void trim();
  void close();

 private:
  net::Task<Result<>> connect_tcp(const net::Resolver::Endpoints& endpoints, const Origin& origin,
                                  MonotonicTime due);
  net::Task<boost::system::error_code> connect_one(boost::asio::ip::tcp::endpoint endpoint,
                                                   MonotonicTime due);
  net::Task<Result<>> shake_hands(const Origin& origin, MonotonicTime due);
  IoEnd end_of(const boost::system::error_code& failure,
               boost::asio::cancellation_type cancelled) const;
  boost::asio::mutable_buffer free_space();
  void watch(MonotonicTime due);
  void unwatch() { due_ = MonotonicTime::max(); }
  void arm(MonotonicTime at);
  void on_timer();

  const std::shared_ptr<ClientShared> shared_;
  boost::asio::ip::tcp::socket socket_;
  std::optional<boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>> tls_;
  boost::asio::steady_timer timer_;
  MonotonicTime due_ = MonotonicTime::max();   // of the present operation
  MonotonicTime armed_ = MonotonicTime::max(); // when the timer fires next
  bool overdue_ = false;
  std::vector<char> input_;
  std::size_t input_begin_ = 0;
  std::size_t input_end_ = 0;
};

} // namespace raglan::http
