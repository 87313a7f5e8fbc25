#include "redis/subscription.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>

#include "base/log.h"
#include "base/rng.h"
#include "redis/command.h"

namespace raglan::redis {
namespace {

namespace asio = boost::asio;
constexpr auto kToken = asio::as_tuple(asio::deferred);

constexpr std::string_view kPing = "*1\r\n$4\r\nPING\r\n";

} // namespace

Subscription::Subscription(std::shared_ptr<Dispatch> dispatch, SubscriberConfig config,
                           std::vector<std::string> channels, SubscriberEvents events,
                           const Stream::Executor& executor)
    : dispatch_(std::move(dispatch)),
      shared_(dispatch_->shared_ptr()),
      config_(config),
      channels_(std::move(channels)),
      events_(std::move(events)),
      executor_(executor),
      ping_timer_(executor),
      backoff_timer_(executor) {}

void Subscription::start() { asio::co_spawn(executor_, run(shared_from_this()), asio::detached); }

void Subscription::stop() {
  stopped_ = true;
  subscribed_ = false;
  ping_timer_.cancel();
  backoff_timer_.cancel();
  if (stream_ != nullptr) stream_->close();
}

SubscriberStats Subscription::stats() const {
  return {.subscribed = subscribed_, .messages = messages_, .losses = losses_};
}

net::Task<> Subscription::run(std::shared_ptr<Subscription> self) {
  policy::Backoff backoff(self->config_.backoff);
  Rng rng(random_seed());
  while (!self->stopped_) {
    co_await self->listen();
    self->ping_timer_.cancel();
    if (self->stream_ != nullptr) self->stream_->close();
    if (self->stopped_) break;
    self->dispatch_->discovery().refresh();
    if (self->subscribed_.exchange(false)) {
      ++self->losses_;
      self->events_.on_lost();
    }
    if (self->alive_) {
      backoff = policy::Backoff(self->config_.backoff);
      self->tries_ = 0;
    }
    self->backoff_timer_.expires_after(backoff.next(rng));
    co_await self->backoff_timer_.async_wait(kToken);
  }
}

net::Task<> Subscription::listen() {
  confirmed_ = 0;
  pings_ = 0;
  heard_ = true;
  alive_ = false;
  writing_ = true;
  const auto due = shared_->clock.now() + shared_->config.timeout;
  auto topology = co_await dispatch_->discovery().topology(Deadline(due));
  if (!topology || stopped_) co_return;
  server_ = choose(**topology);
  stream_ = std::make_shared<Stream>(shared_, server_->address,
                                     Stream::role_in(shared_->deployment.mode), executor_);
  auto done = co_await stream_->open(due);
  if (!done || stopped_) co_return;
  watch();
  Command subscribe("SUBSCRIBE");
  for (const auto& channel : channels_) subscribe.add(channel);
  std::string wire;
  subscribe.append_to(wire);
  done = co_await stream_->write(wire);
  writing_ = false;
  while (done) {
    const auto reply = co_await stream_->read();
    if (!reply || stopped_ || !take(*reply)) co_return;
  }
}

ServerPtr Subscription::choose(const Topology& topology) {
  ServerPtr server = tries_++ == 0 ? topology.owner_of(channels_.front()) : nullptr;
  return server != nullptr ? server : dispatch_->any_of(topology);
}

bool Subscription::take(const Reply& reply) {
  heard_ = true;
  alive_ = alive_ || subscribed_;
  if (reply.is_error() && !std::exchange(refused_, true)) {
    log_warning("Redis does not let this node listen to messages", {{"error", reply.error_word()}});
  }
  if (reply.elements.empty()) return false;
  const auto kind = reply.elements[0].string();
  if (kind == "message" && reply.elements.size() == 3) {
    ++messages_;
    events_.on_message(reply.elements[1].text, reply.elements[2].text);
    return true;
  }
  if (kind == "subscribe") {
    if (++confirmed_ == channels_.size()) {
      subscribed_ = true;
      refused_ = false;
      events_.on_subscribed();
    }
    return true;
  }
  return kind == "pong";
}

void Subscription::watch() {
  ping_timer_.expires_after(config_.ping_interval);
  ping_timer_.async_wait(
      [weak = weak_from_this(), stream = stream_](const boost::system::error_code& stopped) {
        const auto self = weak.lock();
        // Meanwhile there may be another connection, with a watch of its own.
        if (stopped || self == nullptr || self->stopped_ || self->stream_ != stream) return;
        const bool leave = !self->heard_ || !self->server_->listed || self->belongs_elsewhere();
        if (leave) return stream->close(); // ends its reading
        self->heard_ = false;
        self->ping();
        self->watch();
      });
}

bool Subscription::belongs_elsewhere() {
  if (++pings_ < kStayPings) return false;
  const ServerPtr owner = shared_->servers.topology()->owner_of(channels_.front());
  if (owner == nullptr || owner == server_ || !owner->reachable) return false;
  return owner->breaker.status(shared_->clock.now()).state == policy::BreakerState::kClosed;
}

void Subscription::ping() {
  if (std::exchange(writing_, true)) return;
  auto written = [self = shared_from_this(), stream = stream_](const boost::system::error_code&) {
    if (self->stream_ == stream) self->writing_ = false; // a failure ends the reading, too
  };
  stream_->write(kPing, std::move(written));
}

} // namespace raglan::redis
