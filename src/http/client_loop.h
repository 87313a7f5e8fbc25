// The part of a client that belongs to one event loop: its pools of connections.
// Internal to http/: see client.h for what it all does.
//
// A Lease is one place among a host's connections, and the connection that fills it. Whoever has a
// Lease may connect; when it is destroyed its connection goes to the request that has waited
// longest, or to the idle ones, or is closed, and then whoever waits gets the empty place. Nobody
// can overtake: while there are waiters nothing is idle and no place is free.
//
// Ownership: coroutines own what they use; a Lease holds its loop. Pools lie in a map whose nodes
// do not move, and a pool is dropped when it has neither connections nor waiters, so that a client
// that fetches from many hosts does not remember them all.
//
// Thread safety: everything here belongs to the loop's thread.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "http/client_connection.h"

namespace raglan::http {

class ClientLoop : public std::enable_shared_from_this<ClientLoop> {
 public:
  using Executor = ClientConnection::Executor;
  struct HostPool;

  class Lease {
   public:
    Lease(std::shared_ptr<ClientLoop> loop, HostPool& pool,
          std::shared_ptr<ClientConnection> connection)
        : loop_(std::move(loop)), pool_(&pool), connection_(std::move(connection)) {}
    Lease(Lease&& other) noexcept = default;
    Lease& operator=(Lease&& other) = delete;
    ~Lease();

    // Null: the place is empty, and waits for `fill`.
    ClientConnection* connection() const { return connection_.get(); }
    // A new connection, not connected yet, in the place of what was there.
    ClientConnection& fill();
    // The connection may serve the next request; without this it is closed.
    void keep();

   private:
    std::shared_ptr<ClientLoop> loop_; // null when moved from
    HostPool* pool_;
    std::shared_ptr<ClientConnection> connection_;
    bool keep_ = false;
  };

  struct Waiter {
    Waiter(ClientLoop& loop, HostPool& waiting_in);
    ~Waiter();
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    ClientShared& shared;
    HostPool& pool;
    boost::asio::steady_timer wakeup;
    std::optional<Lease> granted;
  };

  struct Idle {
    std::shared_ptr<ClientConnection> connection;
    MonotonicTime since;
  };

  struct HostPool {
    Origin origin;
    std::vector<Idle> idle; // the one that was used last is at the end, and is used next
    std::deque<Waiter*> waiters;
    std::size_t open = 0; // leases and idle ones
  };

  ClientLoop(std::shared_ptr<ClientShared> client_shared, Executor executor);
  ~ClientLoop();

  // A place, with an idle connection if there is one. Errors: kOverloaded, kDeadlineExceeded,
  // kClientClosed, kUnavailable once the client is closed.
  net::Task<Result<Lease>> acquire(const Origin& origin, Deadline deadline);

  // Closes every connection and wakes every waiter.
  void abort();

  const std::shared_ptr<ClientShared> shared;

 private:
  void give_back(HostPool& pool, std::shared_ptr<ClientConnection> connection);
  void drop_if_unused(HostPool& pool);
  std::shared_ptr<ClientConnection> take_idle(HostPool& pool);
  // Closes those that have been idle since `since` or longer; the others stay. The pool may be gone
  // afterwards.
  void close_idle(HostPool& pool, MonotonicTime since);
  void arm_sweep();
  void sweep();

  const Executor executor_;
  const std::size_t max_open_; // per host, this loop's share
  const std::size_t max_idle_; // of all hosts, this loop's share
  std::map<Origin, HostPool> pools_;
  std::vector<ClientConnection*> leased_; // in use, to be closed by abort
  std::size_t idle_ = 0;
  boost::asio::steady_timer sweep_timer_;
  bool sweep_armed_ = false;
};

} // namespace raglan::http
