#include "redis/connection_pool.h"

#include <algorithm>

#include "base/log.h"

namespace raglan::redis {

void ConnectionPool::limit(std::size_t max_connections) {
  max_connections_ = max_connections;
  for (const auto& connection : std::vector(connections_)) on_idle(*connection);
}

void ConnectionPool::close_idle() {
  const Error unused{ErrorCode::kUnavailable, "the connection to Redis is not needed", {}};
  for (const auto& connection : std::vector(connections_)) {
    if (connection->idle()) connection->close(unused);
  }
}

void ConnectionPool::submit(const RequestPtr& request) {
  auto& counts = shared_->counts;
  request->pool = weak_from_this();
  if (shared_->closed) {
    return request->done.deliver(fail(ErrorCode::kUnavailable, "the Redis client is closed"));
  }
  if (waiting_.empty()) {
    if (auto* const connection = room_for(*request)) {
      send(*connection, request, Duration::zero());
      return arm(request->due, request->began);
    }
  }
  if (waiting_.size() >= shared_->config.max_waiting) {
    return request->done.deliver(
        fail(ErrorCode::kOverloaded, "too many commands wait for a connection to Redis"));
  }
  waiting_.push_back(request);
  ++counts.waiting;
  counts.waits.add();
  arm(request->due, request->began);
  connect_another();
}

void ConnectionPool::abandon(const RequestPtr& request) {
  if (request->connection != nullptr) return request->connection->abandon(*request);
  shared_->counts.waiting -= std::erase(waiting_, request);
}

void ConnectionPool::abort() {
  const Error closed{ErrorCode::kUnavailable, "the Redis client is closed", {}};
  timer_.cancel();
  fail_waiting(closed);
  for (const auto& connection : std::vector(connections_)) connection->close(closed);
}

void ConnectionPool::on_ready() {
  if (server_->reachable.exchange(true)) return;
  log_info("Redis can be reached again", {{"server", server_->address.name()}});
}

void ConnectionPool::on_room() {
  while (!waiting_.empty() && !shared_->closed) {
    auto* const connection = room_for(*waiting_.front());
    if (connection == nullptr) return connect_another();
    const RequestPtr request = std::move(waiting_.front());
    waiting_.pop_front();
    --shared_->counts.waiting;
    send(*connection, request, shared_->clock.now() - request->began);
  }
}

void ConnectionPool::on_idle(Connection& connection) {
  if (!connection.idle()) return;
  if (server_->listed && connections_.size() <= max_connections_) return;
  connection.close({ErrorCode::kUnavailable, "the connection to Redis is not needed", {}});
}

void ConnectionPool::on_closed(const Connection& connection, Connection::State before,
                               const Error& why) {
  std::erase_if(connections_, [&](const auto& open) { return open.get() == &connection; });
  if (shared_->closed) return;
  if (before != Connection::State::kConnecting) {
    if (!waiting_.empty()) connect_another();
    return;
  }
  if (server_->reachable.exchange(false)) {
    log_warning("Redis cannot be reached",
                {{"server", server_->address.name()}, {"reason", why.message}});
  }
  if (!any(Connection::State::kReady)) fail_waiting(why);
}

Connection* ConnectionPool::room_for(const Request& request) {
  const auto found = std::ranges::find_if(
      connections_, [&](const auto& connection) { return connection->has_room(request); });
  return found == connections_.end() ? nullptr : found->get();
}

bool ConnectionPool::any(Connection::State state) const {
  return std::ranges::any_of(connections_,
                             [&](const auto& connection) { return connection->state() == state; });
}

void ConnectionPool::connect_another() {
  const std::size_t most = std::max<std::size_t>(1, max_connections_); // a request waits
  if (connections_.size() >= most || any(Connection::State::kConnecting)) return;
  if (!shared_->take_connection()) {
    on_full_();
    const auto now = shared_->clock.now();
    return arm(now + kLookAgain, now);
  }
  auto connection = std::make_shared<Connection>(shared_, server_, executor_, weak_from_this());
  connections_.push_back(std::move(connection));
  connections_.back()->start();
}

void ConnectionPool::fail_waiting(const Error& why) {
  shared_->counts.waiting -= waiting_.size();
  for (const auto& request : std::exchange(waiting_, {})) {
    request->done.deliver(std::unexpected(why));
  }
}

void ConnectionPool::send(Connection& connection, const RequestPtr& request, Duration waited) {
  auto* const wait_seconds = shared_->instruments.wait_seconds;
  if (wait_seconds != nullptr) wait_seconds->observe(waited);
  connection.send(request);
}

void ConnectionPool::arm(MonotonicTime due, MonotonicTime now) {
  if (due >= armed_) return;
  armed_ = due;
  timer_.expires_after(due - now);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& replaced) {
    if (replaced) return;
    if (const auto pool = weak.lock()) pool->on_timer();
  });
}

void ConnectionPool::on_timer() {
  armed_ = MonotonicTime::max();
  const auto now = shared_->clock.now();
  auto next = MonotonicTime::max();
  for (const auto& connection : std::vector(connections_)) {
    next = std::min(next, connection->expire(now));
  }
  const auto overdue = [&](const RequestPtr& request) {
    if (now < request->due) {
      next = std::min(next, request->due);
      return false;
    }
    request->done.deliver(
        connections_.empty()
            ? fail(ErrorCode::kOverloaded, "there are as many connections to Redis as there may be")
            : fail(ErrorCode::kDeadlineExceeded, "no connection to Redis became free in time"));
    return true;
  };
  shared_->counts.waiting -= std::erase_if(waiting_, overdue);
  if (next != MonotonicTime::max()) arm(next, now);
  if (!waiting_.empty()) connect_another();
}

} // namespace raglan::redis
