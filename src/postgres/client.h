// A PostgreSQL server as the rest of the program uses it: a pool of connections behind a circuit
// breaker.
//
//   auto session = co_await client.begin(deadline);
//   if (!session) co_return forward_error(session);
//   auto rows = co_await session->execute(Statement("SELECT 1::int8"), deadline);
//
// A session is one connection for as long as it lives, and one call to the breaker: what became of
// its statements is told when it ends. A server that does not answer, or not in time though it had
// kFairChance, is a failure; a statement that it refuses is none, nor is a wait for a connection of
// the pool, nor a request that left it no time.
//
// Errors: those of postgres/pool.h and postgres/connection.h; kUnavailable while the breaker is
// open.
//
// Thread safety: as postgres/pool.h. A session belongs to one coroutine.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/log_throttle.h"
#include "config/secret.h"
#include "config/table.h"
#include "policy/circuit_breaker.h"
#include "postgres/pool.h"

namespace raglan::postgres {

struct ClientConfig {
  policy::ConnectionPoolConfig pool;
  // A server that restarts is back in seconds, and nothing works without it: it is tried again
  // sooner than a provider.
  policy::CircuitBreakerConfig breaker{.recovery_timeout = std::chrono::seconds(5)};
};

class Client;

class Session {
 public:
  static constexpr std::chrono::seconds kFairChance{1};

  Session(Session&&) noexcept = default;
  Session& operator=(Session&&) = delete;
  ~Session();

  // As those of Connection.
  net::Task<Result<Rows>> execute(Statement statement, Deadline deadline);
  net::Task<Result<std::vector<Rows>>> execute_all(std::vector<Statement> statements,
                                                   Deadline deadline);
  net::Task<Result<std::uint64_t>> copy_in(std::string sql, std::string data, Deadline deadline);
  // Ends the transaction that is open, if one is: of who has found that there is nothing to do. The
  // connection would be closed else.
  net::Task<void> roll_back(Deadline deadline);
  // Whether a statement of it has.
  bool failed() const { return failed_; }

 private:
  friend class Client;
  Session(Client& client, policy::CircuitBreaker::Permit permit, Pool::Lease lease,
          MonotonicTime began)
      : client_(client), permit_(std::move(permit)), lease_(std::move(lease)), began_(began) {}

  template <typename T>
  Result<T> noted(Result<T> result);

  Client& client_;
  policy::CircuitBreaker::Permit permit_;
  Pool::Lease lease_;
  MonotonicTime began_;
  policy::Outcome outcome_ = policy::Outcome::kSuccess; // the worst so far
  bool failed_ = false;
};

class Client {
 public:
  struct Observers {
    std::function<void(Duration)> on_wait;              // for a connection; may be empty
    std::function<void(std::string_view)> on_statement; // each that is sent; may be empty
  };

  Client(const ClientConfig& config, Target target, Observers observers);

  net::Task<Result<Session>> begin(Deadline deadline);
  // By a session of its own.
  net::Task<Result<Rows>> execute(Statement statement, Deadline deadline);

  PoolStatus pool_status() const { return pool_.status(); }
  policy::BreakerStatus breaker_status() const { return breaker_.status(clock_.now()); }
  const Target& target() const { return pool_.target(); }
  // As Pool::stop.
  void stop() { pool_.stop(); }

 private:
  friend class Session;

  void note(std::string_view sql) const {
    if (on_statement_) on_statement_(sql);
  }

  const Clock& clock_;
  const std::function<void(std::string_view)> on_statement_;
  policy::CircuitBreaker breaker_;
  Pool pool_;
  LogThrottle failures_;              // to connect
  std::atomic<bool> failing_ = false; // no connection, the last time
};

} // namespace raglan::postgres
