// A pool of connections to one server on one event loop, and the requests that wait for room on
// one. Internal to redis/; client.h says what it all does.
//
// A request goes to the first connection that has room: so commands that come together share one,
// and one write. When none has room it waits, in order, and another connection is made: one at a
// time, so that a server that struggles is not stormed, and up to the pool's bound. Should that
// fail while no other connection works, all that wait fail with the same error; the next request
// tries again. While all servers together have as many connections as they may, the pool says so
// (`on_full`), and looks again every kLookAgain.
//
// With a bound of 0 there is a connection only while a request waits for one or is under way: it
// was on its way here when the connections to its server became another loop's.
//
// One timer looks after all requests of the pool. It is set to the earliest moment at which one can
// be overdue and, when it fires, looks at all of them; most are answered long before, and setting
// a timer for each would cost more than sending it.
//
// Thread safety: belongs to its loop.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "redis/connection.h"

namespace raglan::redis {

class ConnectionPool : public std::enable_shared_from_this<ConnectionPool> {
 public:
  static constexpr std::chrono::milliseconds kLookAgain{1};

  // `on_full`: it needs a connection, and there are as many as there may be.
  ConnectionPool(std::shared_ptr<ClientShared> shared, ServerPtr server,
                 const Stream::Executor& executor, std::function<void()> on_full)
      : shared_(std::move(shared)),
        server_(std::move(server)),
        executor_(executor),
        on_full_(std::move(on_full)),
        timer_(executor) {}

  // How many connections there may be from now on; those beyond are closed when nobody waits.
  void limit(std::size_t max_connections);
  // Closes those on which nothing is under way.
  void close_idle();
  const Server& server() const { return *server_; }
  bool empty() const { return connections_.empty() && waiting_.empty(); }

  // The request's answer, or why there is none, is delivered to it.
  void submit(const RequestPtr& request);
  // Nobody waits for it any more, and it may have been answered.
  void abandon(const RequestPtr& request);
  // Closes everything, and ends every request with kUnavailable.
  void abort();

  // For connections: one was made; there may be room; nothing may be under way on this one; this
  // one is closed, and was in that state before.
  void on_ready();
  void on_room();
  void on_idle(Connection& connection);
  void on_closed(const Connection& connection, Connection::State before, const Error& why);

 private:
  Connection* room_for(const Request& request);
  bool any(Connection::State state) const;
  void connect_another();
  void fail_waiting(const Error& why);
  void send(Connection& connection, const RequestPtr& request, Duration waited);
  void arm(MonotonicTime due, MonotonicTime now);
  void on_timer();

  const std::shared_ptr<ClientShared> shared_;
  const ServerPtr server_;
  const Stream::Executor executor_;
  const std::function<void()> on_full_;
  std::size_t max_connections_ = 0;
  std::vector<std::shared_ptr<Connection>> connections_;
  std::deque<RequestPtr> waiting_;
  boost::asio::steady_timer timer_;
  MonotonicTime armed_ = MonotonicTime::max(); // when the timer fires
};

} // namespace raglan::redis
