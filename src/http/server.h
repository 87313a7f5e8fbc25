// An HTTP/1.1 server: keep-alive, pipelining, chunked bodies, streams, limits, drain.
//
//   EventLoops loops;
//   loops.start();
//   Server server({}, loops, router.handler());
//   auto listener = Listener::open({.port = 8080});
//   if (listener) server.listen(std::move(*listener));
//   ...                                        // on SIGTERM:
//   server.drain(Deadline::after(30s, clock.now()));
//
// A connection lives on the loop that accepted it. Its requests are answered one after the other,
// in order; the body is complete before the handler is called. A coarse sweep, four times a second
// on each loop, takes the place of per-operation timers: it closes or answers what is overdue, so
// every timeout may be late by one `sweep_interval`.
//
// When the client goes away while its handler runs (which the sweep notices, within half a second),
// the handler is cancelled: the asynchronous operation it waits in ends with operation_aborted (or,
// in ours, with kClientClosed), and every later co_await throws boost::system::system_error, which
// unwinds the handler. A handler needs to do nothing about it but hold what it has in RAII objects,
// and must not swallow that exception. A client that half-closes its side counts as gone.
//
// What a handler throws otherwise is answered with 500 and logged without its text.
//
// Thread safety: `listen`, `drain` and the destructor belong to one thread, which is not a loop's.
// Destruction cancels what is left and waits for it for a moment; `drain` first for a gentle end.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/result.h"
#include "config/table.h"
#include "http/request_parser.h"
#include "http/router.h"
#include "net/event_loops.h"
#include "net/listener.h"

namespace raglan::http {

struct ServerConfig {
  RequestLimits limits;
  std::size_t max_connections = 10'000;        // one more is answered 503 and closed
  std::size_t max_requests_per_connection = 0; // 0: no limit
  // Of all requests together; a body that would pass it is answered 503 (body_budget.h). At least
  // limits.max_body_bytes, whatever stands here.
  std::uint64_t max_bodies_bytes = 256 * 1024 * 1024;
  std::chrono::milliseconds header_timeout{10'000}; // from a request's first byte to its head's end
  std::chrono::milliseconds body_timeout{30'000};   // without progress
  std::chrono::milliseconds write_timeout{30'000};  // without progress
  std::chrono::milliseconds idle_timeout{60'000};   // between requests
  std::chrono::milliseconds linger_timeout{2'000};  // for the client to read a refusal
  // A client that keeps making progress, but less than this on average once a timeout's length is
  // over, is cut off as well: one byte a minute would hold a connection for ever.
  std::uint64_t min_bytes_per_second = 500;
  // The same for request bodies while more than half of max_bodies_bytes is held.
  std::uint64_t busy_min_bytes_per_second = 64 * 1024;
  std::chrono::milliseconds sweep_interval{250};
};

// `limits` has a table of its own, for a section of its own.
void describe(config::Table<ServerConfig>& table);

// A request that is over, for metrics and logs. `status` is 499 when the client went away.
struct CompletedRequest {
  const Request& request;
  int status;
  std::uint64_t body_bytes; // of the response, as far as it was written
  Duration duration;        // from the end of the request's head to the last byte's write
};

struct ServerHooks {
  // Called on the connection's loop. Requests that the server itself refused are reported with an
  // empty Request::route.
  std::function<void(const CompletedRequest&)> completed;
};

class Server {
 public:
  // `clock` must outlive the loops' last connection.
  Server(ServerConfig config, net::EventLoops& loops, Handler handler, ServerHooks hooks = {},
         const Clock& clock = SystemClock::instance());
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Accepts from the listener on every loop; once.
  Result<> listen(net::Listener listener);
  // Of the listener; 0 before there is one.
  std::uint16_t port() const { return port_; }

  // Stops accepting, closes idle connections, lets requests in flight (streams included) be
  // answered to their last byte, and blocks until no connection is left: true. At the deadline the
  // rest is cancelled: false.
  bool drain(Deadline deadline);

  std::size_t connections() const;
  // Of request bodies: bytes held at this moment, and how many were refused for want of room.
  std::uint64_t body_bytes() const;
  std::uint64_t refused_bodies() const;

 private:
  struct State;

  net::EventLoops& loops_;
  std::shared_ptr<State> state_;
  std::optional<net::Listener> listener_; // until the drain
  std::uint16_t port_ = 0;
};

} // namespace raglan::http
