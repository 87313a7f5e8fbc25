#include "postgres/pool.h"

#include <algorithm>
#include <boost/asio/this_coro.hpp>

#include "base/log.h"

namespace raglan::postgres {

using Kind = policy::ConnectionPool::Kind;

namespace {

// What opening a connection may take, for somebody whose own deadline is further away.
constexpr std::chrono::seconds kConnectTimeout{10};

std::unexpected<Error> no_connection_free() {
  return fail(ErrorCode::kOverloaded, "no connection to PostgreSQL became free in time");
}

std::unexpected<Error> stopped() {
  return fail(ErrorCode::kUnavailable, "the connections to PostgreSQL are closed");
}

} // namespace

// Gives the slot back unless it became a lease.
class Pool::Hold {
 public:
  Hold(Pool& pool, Slot slot) : pool_(&pool), slot_(slot) {}
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold() {
    if (pool_ != nullptr) pool_->give_back(slot_, std::move(connection));
  }
  Lease lease() { return {*std::exchange(pool_, nullptr), slot_, std::move(connection)}; }

  Slot slot() const { return slot_; }

  ConnectionPtr connection;

 private:
  Pool* pool_;
  Slot slot_;
};

Pool::Pool(policy::ConnectionPoolConfig config, Target target,
           std::function<void(Duration)> on_wait)
    : config_(config), target_(std::move(target)), on_wait_(std::move(on_wait)), state_(config) {}

net::Task<Result<Pool::Lease>> Pool::acquire(Deadline deadline) {
  const MonotonicTime began = target_.clock.now();
  auto grant = co_await wait_for_grant(std::nullopt, deadline);
  while (grant) {
    Hold hold(*this, grant->slot); // here, as a cancelled coroutine throws where it awaits
    auto filled = co_await fill(hold, grant->kind, deadline);
    if (filled) {
      if (on_wait_) on_wait_(target_.clock.now() - began);
      co_return hold.lease();
    }
    if (filled.error().code != ErrorCode::kOverloaded) co_return forward_error(filled);
    if (const auto left_out = full_.admit(target_.clock.now())) {
      log_warning("PostgreSQL has no connection left, and requests share those that are open",
                  {{"server", name_of(target_.parameters)},
                   {"open", status().open},
                   {"left_out", *left_out}});
    }
    grant = co_await wait_for_grant(hold.slot(), deadline);
    if (!grant && grant.error().code == ErrorCode::kOverloaded) co_return forward_error(filled);
  }
  co_return forward_error(grant);
}

net::Task<Result<Pool::Grant>> Pool::wait_for_grant(std::optional<Slot> full, Deadline deadline) {
  std::optional<policy::ConnectionPool::Waiter> waiter;
  std::optional<Result<Grant>> at_once;
  const MonotonicTime now = target_.clock.now();
  const Deadline until = deadline.capped(config_.pool_timeout, now);
  auto begin = [&](const net::Completion<Grant>& done) {
    state_.with([&](State& state) {
      if (state.stopped) return done.deliver(stopped());
      const Grant grant = full ? state.pool.wait_instead(*full, now) : state.pool.check_out(now);
      if (grant.kind == Kind::kRefused) return done.deliver(no_connection_free());
      if (grant.kind != Kind::kWait) return done.deliver(grant);
      waiter = grant.waiter;
      state.waiters.emplace(grant.waiter, done);
    });
    return until.remaining(now);
  };
  auto grant = co_await net::await_within<Grant>(std::move(begin));
  if (waiter) settle(*waiter, grant.has_value());
  if (grant) co_return grant;
  // The pool's own patience is over, and not the request's.
  if (grant.error().code == ErrorCode::kDeadlineExceeded &&
      !deadline.expired(target_.clock.now())) {
    co_return no_connection_free();
  }
  co_return grant;
}

// Who was given something in the very moment in which it left gives it back.
void Pool::settle(policy::ConnectionPool::Waiter waiter, bool taken) {
  std::optional<Slot> unclaimed;
  ConnectionPtr connection;
  state_.with([&](State& state) {
    const auto given = state.given.extract(waiter);
    if (taken) return;
    if (given.empty()) {
      state.waiters.erase(waiter);
      state.pool.cancel(waiter);
      return;
    }
    unclaimed = given.mapped();
    connection = take_idle(state, *unclaimed);
  });
  if (unclaimed) give_back(*unclaimed, std::move(connection));
}

Pool::ConnectionPtr Pool::take_idle(State& state, Slot slot) {
  auto found = state.idle.extract(slot);
  return found.empty() ? nullptr : std::move(found.mapped());
}

net::Task<Result<>> Pool::fill(Hold& hold, Kind kind, Deadline deadline) {
  const auto loop = co_await boost::asio::this_coro::executor;
  hold.connection = state_.with([&](State& state) {
    ++state.acquired;
    return take_idle(state, hold.slot());
  });
  if (kind == Kind::kOpen) hold.connection.reset(); // it is too old
  if (hold.connection) {
    hold.connection->attach(loop);
    if (!config_.pool_pre_ping) co_return Result<>();
    auto alive = co_await ping(*hold.connection, deadline);
    if (alive || alive.error().code != ErrorCode::kUnavailable) co_return alive;
    const MonotonicTime now = target_.clock.now();
    state_.with([now](State& state) { state.pool.invalidate(now); });
    hold.connection.reset();
  }
  const Deadline until = deadline.capped(kConnectTimeout, target_.clock.now());
  auto opened = co_await Connection::open(target_, until);
  if (!opened && opened.error().code == ErrorCode::kDeadlineExceeded &&
      !deadline.expired(target_.clock.now())) {
    Error late{ErrorCode::kUnavailable, "no connection to PostgreSQL", {}};
    late.reason = "it takes too long";
    co_return std::unexpected(std::move(late));
  }
  if (!opened) co_return forward_error(opened);
  hold.connection = std::move(*opened);
  const MonotonicTime now = target_.clock.now();
  state_.with([&](State& state) { state.pool.opened(hold.slot(), now); });
  co_return Result<>();
}

net::Task<Result<>> Pool::ping(Connection& connection, Deadline deadline) {
  auto rows = co_await connection.execute(Statement("SELECT 1"), deadline);
  if (!rows) co_return forward_error(rows);
  co_return Result<>();
}

void Pool::give_back(Slot slot, ConnectionPtr connection) {
  const bool usable = connection && connection->reusable();
  if (connection) connection->detach();
  const MonotonicTime now = target_.clock.now();
  std::optional<net::Completion<Grant>> waiter;
  std::optional<Grant> grant;
  ConnectionPtr closing; // outside of the lock
  state_.with([&](State& state) {
    state.closed_dirty += connection && !usable ? 1 : 0;
    bool keep = usable && !state.stopped;
    auto returned = state.pool.check_in(slot, keep, now);
    grant = returned.next;
    if (grant) {
      const auto found = state.waiters.find(grant->waiter);
      waiter = std::move(found->second);
      state.waiters.erase(found);
      state.given.emplace(grant->waiter, slot);
      keep = keep && grant->kind == Kind::kReuse;
    } else {
      keep = keep && !returned.close;
    }
    if (keep) {
      state.idle.emplace(slot, std::move(connection));
    } else {
      closing = std::move(connection);
    }
  });
  if (waiter) waiter->deliver(*grant);
}

PoolStatus Pool::status() const {
  return state_.with([](const State& state) {
    return PoolStatus{state.pool.status(), state.acquired, state.closed_dirty};
  });
}

void Pool::stop() {
  std::unordered_map<Slot, ConnectionPtr> idle;
  std::unordered_map<policy::ConnectionPool::Waiter, net::Completion<Grant>> waiters;
  const MonotonicTime now = target_.clock.now();
  state_.with([&](State& state) {
    state.stopped = true;
    idle.swap(state.idle);
    waiters.swap(state.waiters);
    for (const auto& [waiter, done] : waiters) state.pool.cancel(waiter);
    for (const auto& [slot, connection] : idle) (void)state.pool.check_in(slot, false, now);
  });
  for (const auto& [waiter, done] : waiters) done.deliver(stopped());
}

} // namespace raglan::postgres
