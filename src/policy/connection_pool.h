// Who gets which connection of a bounded pool, and who waits for one: SQLAlchemy's QueuePool, with
// the same names and meanings, as pure decisions. Whoever owns the connections does what is
// decided.
//
//   pool_size      connections that are kept when nobody uses them
//   max_overflow   connections beyond those while they are needed; what comes back when pool_size
//                  are idle is closed
//   pool_timeout   how long one waits for a connection
//   pool_recycle   a connection of that age is closed instead of used once more
//   pool_pre_ping  whether the owner asks the server before an idle connection is used
//
// Idle connections are used in turn, the one that came back first going first. Waiters are served
// in order, and nobody overtakes them: who comes while somebody waits, waits. A waiter is given a
// slot, which holds the connection that just came back, or none: then it opens one in it.
//
// A server may have fewer connections to give than the pool may open. Who finds that out waits, as
// the first of all, for one of those that are open (`wait_instead`).
//
// A connection that turns out to be dead makes all older ones suspect (`invalidate`): the server
// was restarted, so they are opened anew instead of being tried one by one.
//
// Thread safety: none; one for a pool belongs into a Guarded<ConnectionPool>. `now` that runs
// backwards makes connections younger, and nothing worse.
//
//   auto taken = pool.check_out(now);           // kReuse: taken.slot; kOpen; kWait; kRefused
//   …
//   auto returned = pool.check_in(slot, true, now);
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "config/table.h"

namespace raglan::policy {

struct ConnectionPoolConfig {
  std::size_t pool_size = 20;
  std::size_t max_overflow = 40;
  std::chrono::milliseconds pool_timeout{60'000};
  std::chrono::milliseconds pool_recycle{3'600'000};
  bool pool_pre_ping = true;
  std::size_t max_waiting = 10'000;
};

inline void describe(config::Table<ConnectionPoolConfig>& table) {
  using C = ConnectionPoolConfig;
  using std::chrono::milliseconds;
  table.field("pool_size", &C::pool_size, "connections that are kept open").min(1).max(10'000);
  table.field("max_overflow", &C::max_overflow, "connections beyond those while they are needed")
      .max(10'000);
  table.field("pool_timeout", &C::pool_timeout, "how long a request waits for a connection")
      .min(milliseconds(1));
  table.field("pool_recycle", &C::pool_recycle, "age at which a connection is opened anew")
      .min(milliseconds(1));
  table.field("pool_pre_ping", &C::pool_pre_ping,
              "whether a connection that was idle is tried before it is used");
  table.field("max_waiting", &C::max_waiting, "requests that may wait for a connection")
      .max(1'000'000);
}

struct ConnectionPoolStatus {
  std::size_t open = 0; // slots, those in which one is being opened included
  std::size_t idle = 0;
  std::size_t waiting = 0;
  std::size_t overflow = 0; // open beyond pool_size
  std::uint64_t opened = 0; // so far
  std::uint64_t recycled = 0;
  std::uint64_t server_full = 0; // times that one could not be opened as the server had none left
  std::uint64_t timeouts = 0;
  std::uint64_t refused = 0; // because too many waited
};

class ConnectionPool {
 public:
  using Slot = std::uint64_t;
  using Waiter = std::uint64_t;

  enum class Kind : std::uint8_t {
    kReuse,   // the connection in `slot`
    kOpen,    // one is to be opened in `slot`; what is in there is to be closed
    kWait,    // as `waiter`
    kRefused, // too many wait
  };
  struct Grant {
    Kind kind = Kind::kRefused;
    Slot slot = 0;
    Waiter waiter = 0;
  };

  explicit ConnectionPool(ConnectionPoolConfig config = {}) : config_(config) {}

  Grant check_out(MonotonicTime now);

  struct Return {
    bool close = false;        // the connection in the slot, which is gone
    std::optional<Grant> next; // for its `waiter`: kReuse or kOpen
  };
  // A connection comes back; `usable` says that it may serve somebody else.
  Return check_in(Slot slot, bool usable, MonotonicTime now);
  // The connection in this slot has been opened, and is young.
  void opened(Slot slot, MonotonicTime now);
  // None can be opened in this slot now, as the server has none left: kReuse or kOpen of an idle
  // one, or kWait, and the slot is gone; kRefused when no other is open, and the slot is still to
  // be given back.
  Grant wait_instead(Slot slot, MonotonicTime now);

  // The waiter went away. False when it does not wait (any more): what it was given comes back by
  // check_in.
  bool cancel(Waiter waiter);
  // Those who have waited for pool_timeout; they wait no more.
  std::vector<Waiter> expire(MonotonicTime now);
  std::optional<MonotonicTime> next_expiry() const;

  // All connections that were opened until now are opened anew before they are used again.
  void invalidate(MonotonicTime now);

  ConnectionPoolStatus status() const;
  const ConnectionPoolConfig& config() const { return config_; }

 private:
  struct Waiting {
    Waiter id = 0;
    MonotonicTime since{};
  };

  bool is_stale(Slot slot, MonotonicTime now) const;
  Grant take_idle(MonotonicTime now);
  Grant grant(Slot slot, MonotonicTime now);
  Grant open_in(Slot slot);

  ConnectionPoolConfig config_;
  std::unordered_map<Slot, MonotonicTime> opened_at_; // all slots; kBeingOpened
  std::deque<Slot> idle_;
  std::deque<Waiting> waiting_;
  std::optional<MonotonicTime> invalid_until_;
  std::uint64_t last_id_ = 0;
  ConnectionPoolStatus counts_;
};

} // namespace raglan::policy
