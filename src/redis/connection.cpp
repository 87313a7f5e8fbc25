#include "redis/connection.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "redis/connection_pool.h"
#include "redis/reply_meaning.h"

namespace raglan::redis {
namespace {

namespace asio = boost::asio;

// What a connection keeps of its write buffers; a large value must not stay for ever.
constexpr std::size_t kKeptBytes = 64 * 1024;

void clear(std::string& buffer) {
  buffer.clear();
  if (buffer.capacity() > kKeptBytes) buffer.shrink_to_fit();
}

} // namespace

Connection::Connection(std::shared_ptr<ClientShared> shared, const ServerPtr& server,
                       const Stream::Executor& executor, std::weak_ptr<ConnectionPool> pool)
    : shared_(std::move(shared)),
      executor_(executor),
      pool_(std::move(pool)),
      stream_(std::make_shared<Stream>(shared_, server->address,
                                       Stream::role_in(shared_->deployment.mode), executor)) {}

void Connection::start() { asio::co_spawn(executor_, run(shared_from_this()), asio::detached); }

net::Task<> Connection::run(std::shared_ptr<Connection> self) {
  auto& shared = *self->shared_;
  const auto due = shared.clock.now() + shared.config.timeout;
  auto result = co_await self->stream_->open(due);
  if (self->state_ == State::kClosed) co_return;
  if (!result) co_return self->close(result.error());
  self->state_ = State::kReady;
  self->ready_at_ = shared.clock.now();
  ++shared.counts.ready;
  shared.counts.opened.add();
  if (const auto pool = self->pool_.lock()) pool->on_ready();
  while (self->state_ != State::kClosed) {
    // There is room for waiting requests: at first, and after every answer.
    if (const auto pool = self->pool_.lock()) pool->on_room();
    if (const auto pool = self->pool_.lock()) pool->on_idle(*self);
    if (self->state_ == State::kClosed) break;
    result = co_await self->stream_->fill();
    if (result) result = self->deliver();
    if (!result) self->close(result.error());
  }
}

bool Connection::has_room(const Request& request) const {
  if (state_ != State::kReady) return false;
  return requests_.empty() || commands_ + request.commands <= shared_->config.max_pipelined;
}

void Connection::send(const RequestPtr& request) {
  outgoing_ += request->wire;
  request->wire = {};
  request->connection = this;
  requests_.push_back(request);
  commands_ += request->commands;
  ++awaited_;
  set_in_use(true);
  schedule_flush();
}

void Connection::schedule_flush() {
  if (flush_scheduled_) return;
  flush_scheduled_ = true;
  asio::post(executor_, [self = shared_from_this()] { self->flush(); });
}

void Connection::flush() {
  flush_scheduled_ = state_ != State::kClosed && !outgoing_.empty();
  if (!flush_scheduled_) return;
  std::swap(writing_, outgoing_);
  auto written = [self = shared_from_this()](const boost::system::error_code& failure) {
    clear(self->writing_);
    if (failure) {
      self->close({ErrorCode::kUpstream, "Redis closed the connection", {}});
    } else {
      self->flush();
    }
  };
  stream_->write(writing_, std::move(written));
}

Result<> Connection::deliver() {
  while (state_ != State::kClosed) {
    auto reply = stream_->next();
    if (!reply) return forward_error(reply);
    if (!*reply) break;
    if (requests_.empty()) return fail(ErrorCode::kUpstream, "Redis said what nobody asked for");
    take(std::move(**reply));
  }
  return {};
}

void Connection::take(Reply reply) {
  const bool anew = suggests_connecting_anew(reply, shared_->deployment.mode);
  if (anew && state_ == State::kReady && shared_->clock.now() - ready_at_ >= kStay) {
    state_ = State::kRetiring;
  }
  Request& request = *requests_.front();
  request.replies.push_back(std::move(reply));
  if (request.replies.size() < request.commands) return;
  const RequestPtr answered = std::move(requests_.front());
  requests_.pop_front();
  commands_ -= answered->commands;
  answered->connection = nullptr;
  if (!answered->abandoned) {
    --awaited_;
    answered->done.deliver(std::move(answered->replies));
  }
  if (requests_.empty()) set_in_use(false);
  if (state_ == State::kRetiring) retire();
}

void Connection::abandon(Request& request) {
  if (request.abandoned) return; // it was overdue before its caller could say so
  request.abandoned = true;
  --awaited_;
  retire();
}

void Connection::retire() {
  if (state_ == State::kReady) state_ = State::kRetiring;
  if (awaited_ == 0) close({ErrorCode::kUnavailable, "the connection to Redis is closed", {}});
}

MonotonicTime Connection::expire(MonotonicTime now) {
  auto next = MonotonicTime::max();
  bool overdue = false;
  for (const auto& request : requests_) {
    if (request->abandoned) continue;
    if (now < request->due) {
      next = std::min(next, request->due);
      continue;
    }
    request->done.deliver(fail(ErrorCode::kDeadlineExceeded, "Redis did not answer in time"));
    request->abandoned = overdue = true;
    --awaited_;
  }
  if (overdue) retire();
  return next;
}

void Connection::close(const Error& why) {
  if (state_ == State::kClosed) return;
  const auto self = shared_from_this(); // the pool lets go of it
  const auto before = std::exchange(state_, State::kClosed);
  stream_->close();
  set_in_use(false);
  --shared_->counts.connections;
  if (before != State::kConnecting) --shared_->counts.ready;
  for (const auto& request : std::exchange(requests_, {})) {
    request->connection = nullptr;
    if (!request->abandoned) request->done.deliver(std::unexpected(why));
  }
  commands_ = awaited_ = 0;
  if (const auto pool = pool_.lock()) pool->on_closed(*this, before, why);
}

void Connection::set_in_use(bool in_use) {
  if (std::exchange(in_use_, in_use) == in_use) return;
  if (in_use) {
    ++shared_->counts.in_use;
  } else {
    --shared_->counts.in_use;
  }
}

} // namespace raglan::redis
