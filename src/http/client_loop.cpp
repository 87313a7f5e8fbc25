#include "http/client_loop.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>

namespace raglan::http {
namespace {

namespace asio = boost::asio;
constexpr auto kToken = asio::as_tuple(asio::deferred);

std::size_t share(std::size_t whole, std::size_t loops) {
  return std::max<std::size_t>(1, whole / std::max<std::size_t>(1, loops));
}

std::unexpected<Error> client_closed() {
  return fail(ErrorCode::kUnavailable, "the client is closed");
}

} // namespace

ClientLoop::Lease::~Lease() {
  if (loop_ == nullptr) return;
  if (connection_ != nullptr) {
    std::erase(loop_->leased_, connection_.get());
    if (!keep_ || loop_->shared->closed) {
      connection_->close();
      connection_.reset();
    }
  }
  loop_->give_back(*pool_, std::move(connection_));
}

ClientConnection& ClientLoop::Lease::fill() {
  if (connection_ != nullptr) {
    std::erase(loop_->leased_, connection_.get());
    connection_->close();
  }
  connection_ = std::make_shared<ClientConnection>(loop_->shared, loop_->executor_);
  loop_->leased_.push_back(connection_.get());
  return *connection_;
}

void ClientLoop::Lease::keep() {
  connection_->trim();
  keep_ = true;
}

ClientLoop::Waiter::Waiter(ClientLoop& loop, HostPool& waiting_in)
    : shared(*loop.shared), pool(waiting_in), wakeup(loop.executor_) {
  pool.waiters.push_back(this);
  ++shared.counts.waits;
  ++shared.counts.waiting;
}

// A granted waiter is in the queue no more; what it was granted and did not take goes back.
ClientLoop::Waiter::~Waiter() {
  if (!granted) std::erase(pool.waiters, this);
  --shared.counts.waiting;
}

ClientLoop::ClientLoop(std::shared_ptr<ClientShared> client_shared, Executor executor)
    : shared(std::move(client_shared)),
      executor_(std::move(executor)),
      max_open_(share(shared->config.max_connections_per_host, shared->loops)),
      max_idle_(share(shared->config.max_idle_connections, shared->loops)),
      sweep_timer_(executor_) {}

ClientLoop::~ClientLoop() {
  shared->counts.idle -= idle_;
  shared->counts.open -= idle_;
}

net::Task<Result<ClientLoop::Lease>> ClientLoop::acquire(const Origin& origin, Deadline deadline) {
  const auto self = shared_from_this();
  if (shared->closed) co_return client_closed();
  auto& counts = shared->counts;
  HostPool& pool = pools_.try_emplace(origin).first->second;
  pool.origin = origin;
  if (auto connection = take_idle(pool)) {
    leased_.push_back(connection.get());
    co_return Lease(self, pool, std::move(connection));
  }
  if (pool.open < max_open_) {
    ++pool.open;
    ++counts.open;
    co_return Lease(self, pool, nullptr);
  }
  if (pool.waiters.size() >= shared->config.max_waiting_per_host) {
    ++counts.overloaded;
    co_return fail(ErrorCode::kOverloaded,
                   fmt::format("too many requests wait for {}", origin.name()));
  }
  Waiter waiter(*this, pool);
  if (deadline.never()) {
    waiter.wakeup.expires_at(MonotonicTime::max());
  } else {
    waiter.wakeup.expires_after(deadline.remaining(shared->clock.now()));
  }
  co_await waiter.wakeup.async_wait(kToken);
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) {
    co_return fail(ErrorCode::kClientClosed, "cancelled");
  }
  if (shared->closed) co_return client_closed();
  if (!waiter.granted) {
    co_return fail(ErrorCode::kDeadlineExceeded,
                   fmt::format("no connection to {} became free in time", origin.name()));
  }
  co_return std::move(*waiter.granted);
}

std::shared_ptr<ClientConnection> ClientLoop::take_idle(HostPool& pool) {
  auto& counts = shared->counts;
  while (!pool.idle.empty()) {
    auto connection = std::move(pool.idle.back().connection);
    pool.idle.pop_back();
    --idle_;
    --counts.idle;
    if (connection->is_quiet()) return connection;
    ++counts.stale;
    --pool.open;
    --counts.open;
  }
  return nullptr;
}

void ClientLoop::give_back(HostPool& pool, std::shared_ptr<ClientConnection> connection) {
  if (!pool.waiters.empty()) {
    Waiter& next = *pool.waiters.front();
    pool.waiters.pop_front();
    if (connection != nullptr) leased_.push_back(connection.get());
    next.granted.emplace(shared_from_this(), pool, std::move(connection));
    next.wakeup.cancel();
    return;
  }
  if (connection != nullptr && idle_ < max_idle_) {
    pool.idle.push_back({std::move(connection), shared->clock.now()});
    ++idle_;
    ++shared->counts.idle;
    arm_sweep();
    return;
  }
  --pool.open;
  --shared->counts.open;
  drop_if_unused(pool);
}

void ClientLoop::drop_if_unused(HostPool& pool) {
  if (pool.open == 0 && pool.waiters.empty()) pools_.erase(Origin(pool.origin));
}

void ClientLoop::arm_sweep() {
  if (sweep_armed_) return;
  sweep_armed_ = true;
  sweep_timer_.expires_after(shared->config.idle_timeout);
  sweep_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& stopped) {
    const auto loop = weak.lock();
    if (loop == nullptr || stopped) return;
    loop->sweep_armed_ = false;
    loop->sweep();
  });
}

// Closes what has been idle for too long. Runs once an idle_timeout while anything is idle, so a
// connection is closed after one to two of them.
void ClientLoop::sweep() {
  const auto now = shared->clock.now();
  for (auto next = pools_.begin(); next != pools_.end();) {
    auto& [origin, pool] = *next++;
    close_idle(pool, now - shared->config.idle_timeout);
  }
  if (idle_ > 0) arm_sweep();
}

void ClientLoop::close_idle(HostPool& pool, MonotonicTime since) {
  const auto staying = std::ranges::find_if(
      pool.idle, [&](const Idle& idle) { return idle.since > since; }); // the oldest come first
  const std::vector<Idle> closing(std::make_move_iterator(pool.idle.begin()),
                                  std::make_move_iterator(staying));
  pool.idle.erase(pool.idle.begin(), staying);
  // Counted before they close: who sees a connection close finds it in no count any more.
  idle_ -= closing.size();
  shared->counts.idle -= closing.size();
  pool.open -= closing.size();
  shared->counts.open -= closing.size();
  drop_if_unused(pool);
}

void ClientLoop::abort() {
  sweep_timer_.cancel();
  for (auto* connection : leased_) connection->close();
  for (auto next = pools_.begin(); next != pools_.end();) {
    auto& [origin, pool] = *next++;
    for (auto* waiter : pool.waiters) waiter->wakeup.cancel();
    close_idle(pool, MonotonicTime::max());
  }
}

} // namespace raglan::http
