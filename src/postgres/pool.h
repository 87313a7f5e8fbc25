// Connections to one PostgreSQL server, shared by all that ask it: what policy/connection_pool.h
// decides, done.
//
//   auto connection = co_await pool.acquire(deadline);
//   if (!connection) co_return forward_error(connection);
//   auto rows = co_await (*connection)->execute(Statement("SELECT 1::int8"), deadline);
//
// A Lease gives its connection back when it is destroyed. One in the middle of a statement or a
// transaction, or that broke, is closed instead: what a request that was cancelled leaves behind
// reaches nobody. A connection that lay idle is tried first (`pool_pre_ping`, one round trip); when
// it is dead, all that were opened before are opened anew.
//
// Connections go from loop to loop with those who use them; nobody watches them while they are
// idle.
//
// Errors: kOverloaded (nobody gave one back within pool_timeout, or too many wait),
// kDeadlineExceeded, kClientClosed (cancelled), kUnavailable (none can be opened; stopped). When
// the server has no connection left, those that are open are shared; without any it is kOverloaded.
//
// Thread safety: acquire, from any event loop, concurrently; status, from any thread. It must
// outlive its leases and the loops' last coroutine; `stop` before the loops are destroyed.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/guarded.h"
#include "base/log_throttle.h"
#include "net/completion.h"
#include "policy/connection_pool.h"
#include "postgres/connection.h"

namespace raglan::postgres {

struct PoolStatus : policy::ConnectionPoolStatus {
  std::uint64_t acquired = 0;     // so far
  std::uint64_t closed_dirty = 0; // so far: they came back in the middle of something
};

class Pool {
 public:
  using ConnectionPtr = std::shared_ptr<Connection>;

  class Lease {
   public:
    Lease(Lease&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)),
          slot_(other.slot_),
          connection_(std::move(other.connection_)) {}
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (pool_ != nullptr) pool_->give_back(slot_, std::move(connection_));
    }
    Connection* operator->() const { return connection_.get(); }
    Connection& operator*() const { return *connection_; }

   private:
    friend class Pool;
    Lease(Pool& pool, policy::ConnectionPool::Slot slot, ConnectionPtr connection)
        : pool_(&pool), slot_(slot), connection_(std::move(connection)) {}

    Pool* pool_; // null when moved from
    policy::ConnectionPool::Slot slot_;
    ConnectionPtr connection_;
  };

  // `on_wait`, which may be empty, is told how long each acquire took.
  Pool(policy::ConnectionPoolConfig config, Target target,
       std::function<void(Duration)> on_wait = {});

  net::Task<Result<Lease>> acquire(Deadline deadline);

  PoolStatus status() const;
  const Target& target() const { return target_; }
  // Ends who waits, and closes what is idle; leases are closed as they come back. Idempotent.
  void stop();

 private:
  using Grant = policy::ConnectionPool::Grant;
  using Slot = policy::ConnectionPool::Slot;

  struct State {
    explicit State(const policy::ConnectionPoolConfig& config) : pool(config) {}
    policy::ConnectionPool pool;
    std::unordered_map<Slot, ConnectionPtr> idle;
    std::unordered_map<policy::ConnectionPool::Waiter, net::Completion<Grant>> waiters;
    std::unordered_map<policy::ConnectionPool::Waiter, Slot> given; // until they have heard of it
    std::uint64_t acquired = 0;
    std::uint64_t closed_dirty = 0;
    bool stopped = false;
  };
  // A slot that is this one's to fill or to give back.
  class Hold;

  // `full`: a slot in which none can be opened, as the server has none left.
  net::Task<Result<Grant>> wait_for_grant(std::optional<Slot> full, Deadline deadline);
  net::Task<Result<>> fill(Hold& hold, policy::ConnectionPool::Kind kind, Deadline deadline);
  net::Task<Result<>> ping(Connection& connection, Deadline deadline);
  void give_back(Slot slot, ConnectionPtr connection);
  void settle(policy::ConnectionPool::Waiter waiter, bool taken);
  static ConnectionPtr take_idle(State& state, Slot slot);

  const policy::ConnectionPoolConfig config_;
  const Target target_;
  const std::function<void(Duration)> on_wait_;
  Guarded<State> state_;
  LogThrottle full_; // the server's refusals
};

} // namespace raglan::postgres
