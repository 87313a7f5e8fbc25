#include "redis/discovery.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/log.h"

namespace raglan::redis {

namespace asio = boost::asio;

Discovery::Discovery(std::shared_ptr<ClientShared> shared, net::EventLoops& loops,
                     std::function<void()> on_changed)
    : shared_(std::move(shared)),
      loops_(loops),
      on_changed_(std::move(on_changed)),
      inquiry_(shared_, loops.executor(kLoop)),
      sentinels_(*shared_),
      cluster_(*shared_),
      timer_(loops.executor(kLoop)) {
  if (shared_->deployment.mode == Mode::kStandalone) {
    shared_->servers.publish(shared_->deployment.server);
  }
}

net::Task<Result<TopologyPtr>> Discovery::topology(Deadline limit) {
  if (auto known = shared_->servers.topology()) co_return known;
  const auto self = shared_from_this();
  if (auto failure = failure_.with([](const auto& last) { return last; })) {
    refresh();
    co_return std::unexpected(std::move(*failure));
  }
  auto begin_waiting = [self, limit](const Waiter& waiter) {
    self->loops_.post(kLoop, [self, waiter] { self->wait(waiter); });
    return limit.remaining(self->shared_->clock.now());
  };
  co_return co_await net::await_within<TopologyPtr>(std::move(begin_waiting));
}

void Discovery::wait(Waiter waiter) {
  if (stopped_) return waiter.deliver(fail(ErrorCode::kUnavailable, "the Redis client is closed"));
  if (auto known = shared_->servers.topology()) return waiter.deliver(std::move(known));
  std::erase_if(waiters_, [](const Waiter& other) { return other.cancelled(); });
  if (waiters_.size() >= shared_->config.max_waiting) {
    return waiter.deliver(
        fail(ErrorCode::kOverloaded, "too many commands wait to know where Redis is"));
  }
  waiters_.push_back(std::move(waiter));
  begin();
}

void Discovery::refresh() {
  if (shared_->deployment.mode == Mode::kStandalone || wanted_.exchange(true)) return;
  loops_.post(kLoop, [self = shared_from_this()] { self->begin(); });
}

void Discovery::stop() {
  stopped_ = true;
  timer_.cancel();
  inquiry_.close();
  for (const Waiter& waiter : std::exchange(waiters_, {})) {
    waiter.deliver(fail(ErrorCode::kUnavailable, "the Redis client is closed"));
  }
}

void Discovery::begin() {
  if (asking_ || stopped_) return;
  const auto now = shared_->clock.now();
  const auto may = ended_ ? *ended_ + kPause : now;
  begin_in(std::max<Duration>(may - now, Duration::zero()));
}

void Discovery::begin_in(Duration pause) {
  timer_.expires_after(pause);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& replaced) {
    const auto self = weak.lock();
    if (replaced || self == nullptr || self->stopped_ || self->asking_) return;
    self->asking_ = true;
    self->periodic_ = !self->wanted_ && self->waiters_.empty();
    asio::co_spawn(self->loops_.executor(kLoop), run(self), asio::detached);
  });
}

net::Task<> Discovery::run(std::shared_ptr<Discovery> self) {
  auto found = co_await self->find();
  self->asking_ = false;
  if (self->stopped_) co_return;
  self->take(std::move(found));
  self->ended_ = self->shared_->clock.now();
  self->wanted_ = false;
  if (self->shared_->deployment.mode == Mode::kSentinel) self->begin_in(kPeriod);
}

net::Task<Result<Whereabouts>> Discovery::find() {
  if (shared_->deployment.mode == Mode::kSentinel) {
    auto master =
        periodic_ ? co_await sentinels_.find_latest(inquiry_) : co_await sentinels_.find(inquiry_);
    if (!master) co_return forward_error(master);
    co_return Whereabouts(std::move(*master));
  }
  auto map = co_await cluster_.find(inquiry_);
  if (!map) co_return forward_error(map);
  co_return Whereabouts(std::move(*map));
}

void Discovery::take(Result<Whereabouts> found) {
  ++shared_->counts.refreshes;
  if (!found) {
    ++shared_->counts.failed_refreshes;
    const auto before =
        failure_.with([&](auto& last) { return std::exchange(last, found.error()); });
    if (!before) {
      log_warning("where Redis is cannot be found out", {{"reason", found.error().message}});
    }
    for (const Waiter& waiter : std::exchange(waiters_, {})) {
      waiter.deliver(std::unexpected(found.error()));
    }
    return;
  }
  const auto failed = failure_.with([](auto& last) { return std::exchange(last, std::nullopt); });
  if (failed) log_info("where Redis is can be found out again");
  const TopologyPtr before = shared_->servers.topology();
  const KnownServers::Published published = shared_->servers.publish(*found);
  const TopologyPtr topology = shared_->servers.topology();
  for (const Waiter& waiter : std::exchange(waiters_, {})) waiter.deliver(topology);
  if (published.topology) {
    ++shared_->counts.topologies;
    note_change(before.get(), *topology);
  }
  if (published.topology || published.servers) on_changed_();
}

void Discovery::note_change(const Topology* before, const Topology& topology) const {
  if (!topology.clustered()) {
    return log_info("Redis' master", {{"server", topology.servers.front()->address.name()}});
  }
  const std::size_t uncovered = topology.uncovered();
  if (before != nullptr && before->servers == topology.servers &&
      before->uncovered() == uncovered) {
    return;
  }
  log_info("Redis' cluster", {{"masters", topology.servers.size()}, {"uncovered", uncovered}});
}

} // namespace raglan::redis
