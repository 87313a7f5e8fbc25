#include "redis/dispatch.h"

#include <algorithm>

#include "base/log.h"
#include "net/completion.h"
#include "net/together.h"
#include "redis/cluster_exchange.h"
#include "redis/connection_share.h"
#include "redis/reply_meaning.h"

namespace raglan::redis {
namespace {

constexpr std::chrono::minutes kLoggedAgain{1};

// Whether they may share a connection, and are not too large together.
Result<> check(std::span<const Command> commands, const ClientConfig& config) {
  std::size_t size_bytes = 0;
  for (const Command& command : commands) {
    if (!command.shareable()) {
      return fail(ErrorCode::kMalformedRequest, "a Redis command that may not share a connection");
    }
    size_bytes += command.size_bytes();
  }
  if (size_bytes > config.max_command_bytes) {
    return fail(ErrorCode::kTooLarge, "what is to be sent to Redis at once is too large");
  }
  return {};
}

std::string encode(std::span<const Command> commands) {
  std::string wire;
  for (const Command& command : commands) command.append_to(wire);
  return wire;
}

Result<Reply> only_reply(Result<Replies> replies) {
  if (!replies) return forward_error(replies);
  return std::move(replies->front());
}

net::Task<Result<Reply>> send_one(std::shared_ptr<Dispatch> dispatch, Shipment shipment) {
  auto replies = co_await Dispatch::send(std::move(dispatch), std::move(shipment));
  co_return only_reply(std::move(replies));
}

} // namespace

std::shared_ptr<Dispatch> Dispatch::create(std::shared_ptr<ClientShared> shared,
                                           net::EventLoops& loops) {
  std::shared_ptr<Dispatch> made(new Dispatch(std::move(shared), loops));
  auto adapt = [weak = std::weak_ptr(made)] {
    if (const auto dispatch = weak.lock()) dispatch->adapt();
  };
  auto make_room = [weak = std::weak_ptr(made)] {
    if (const auto dispatch = weak.lock()) dispatch->make_room();
  };
  for (std::size_t i = 0; i < loops.size(); ++i) {
    made->pools_.push_back(
        std::make_shared<LoopPools>(made->shared_, loops.executor(i), i, loops.size(), make_room));
  }
  made->discovery_ = std::make_shared<Discovery>(made->shared_, loops, std::move(adapt));
  return made;
}

Dispatch::Dispatch(std::shared_ptr<ClientShared> shared, net::EventLoops& loops)
    : shared_(std::move(shared)), loops_(loops) {}

void Dispatch::adapt() {
  const std::size_t shares = shared_->servers.topology()->shares();
  shared_->max_open = std::max(shared_->config.max_connections, shares);
  for (std::size_t i = 0; i < pools_.size(); ++i) {
    loops_.post(i, [pools = pools_[i]] { pools->adapt(); });
  }
}

void Dispatch::make_room() {
  std::size_t none = 0;
  if (!making_room_.compare_exchange_strong(none, pools_.size())) return;
  for (std::size_t i = 0; i < pools_.size(); ++i) {
    loops_.post(i, [self = shared_from_this(), i] {
      self->pools_[i]->make_room();
      --self->making_room_;
    });
  }
}

void Dispatch::close() {
  shared_->closed = true;
  const bool running = loops_.running(); // else no thread has the loops, nor will have them again
  for (std::size_t i = 0; i < pools_.size(); ++i) {
    auto abort = [pools = pools_[i]] { pools->abort(); };
    running ? loops_.post(i, abort) : abort();
  }
  auto stop = [discovery = discovery_] { discovery->stop(); };
  running ? loops_.post(Discovery::kLoop, stop) : stop();
  shared_->resolver.stop();
}

ServerPtr Dispatch::any_of(const Topology& topology) {
  const std::size_t count = topology.servers.size();
  const std::size_t first = count == 1 ? 0 : turn_.fetch_add(1, std::memory_order_relaxed);
  const auto now = shared_->clock.now();
  for (std::size_t i = 0; count > 1 && i < count; ++i) {
    const ServerPtr& server = topology.servers[(first + i) % count];
    if (server->breaker.status(now).state == policy::BreakerState::kClosed) return server;
  }
  return topology.servers[first % count];
}

net::Task<Result<Replies>> Dispatch::exchange(std::shared_ptr<Dispatch> self,
                                              std::span<const Command> commands,
                                              Deadline deadline) {
  ClientShared& shared = *self->shared_;
  if (auto ok = check(commands, shared.config); !ok) co_return forward_error(ok);
  if (!self->loops_.current()) {
    co_return fail(ErrorCode::kInternal, "not on one of the client's event loops");
  }
  const auto now = shared.clock.now();
  shared.counts.commands.add(commands.size());
  if (deadline.expired(now)) co_return net::too_late();
  const Deadline limit = deadline.capped(shared.config.timeout, now);
  bool whole_time = limit.at() == now + shared.config.timeout;
  TopologyPtr topology = shared.servers.topology();
  if (topology == nullptr) {
    whole_time = false;
    auto found = co_await self->discovery_->topology(limit);
    if (!found) {
      Result<Replies> nothing = forward_error(found);
      self->count_failure(nothing.error());
      co_return nothing;
    }
    topology = std::move(*found);
  }
  if (topology->clustered()) {
    co_return co_await exchange_in_cluster(std::move(self), std::move(topology), commands, limit,
                                           whole_time);
  }
  Shipment shipment{.topology = topology,
                    .server = topology->servers.front(),
                    .wire = encode(commands),
                    .commands = commands.size(),
                    .replies = commands.size(),
                    .limit = limit,
                    .whole_time = whole_time};
  co_return co_await send(std::move(self), std::move(shipment));
}

net::Task<Result<Replies>> Dispatch::send(std::shared_ptr<Dispatch> self, Shipment shipment) {
  const auto shared = self->shared_; // the client may be gone when this goes on
  const auto current = self->loops_.current();
  if (!current) co_return fail(ErrorCode::kInternal, "not on one of the client's event loops");
  const ServerPtr server = shipment.server;
  const Topology& topology = *shipment.topology;
  const auto share = connection_share(topology.share_of(*server), topology.shares(),
                                      shared->config.max_connections, self->loops_.size());
  const std::size_t index = share.home_of(*current);
  const auto pools = self->pools_[index];
  auto* const other_loop = index == *current ? nullptr : &self->loops_;

  const auto now = shared->clock.now();
  auto permit = server->breaker.try_acquire(now);
  if (!permit) {
    ++shared->counts.breaker_refused;
    self->discovery_->refresh();
    co_return fail(ErrorCode::kUnavailable, "Redis has failed too often and is left alone");
  }
  if (server->commands != nullptr) server->commands->add(shipment.commands);
  std::weak_ptr<Request> sent; // a request that held on to this coroutine could never go
  auto begin = [&](const net::Completion<Replies>& done) {
    auto request = std::make_shared<Request>(std::move(shipment.wire), shipment.replies, now,
                                             shipment.limit.at(), done);
    sent = request;
    if (other_loop == nullptr) return pools->submit(server, request);
    other_loop->post(index, [pools, server, request] { pools->submit(server, request); });
  };
  auto replies = co_await net::await_completion<Replies>(std::move(begin));

  if (!replies && replies.error().code == ErrorCode::kClientClosed) {
    auto abandon = [sent] {
      const auto request = sent.lock();
      const auto pool = request ? request->pool.lock() : nullptr;
      if (pool != nullptr) pool->abandon(request);
    };
    other_loop == nullptr ? abandon() : other_loop->post(index, abandon);
  }
  self->count(*server, replies, shipment.commands);
  if (!shared->closed) {
    const Mode mode = shared->deployment.mode;
    permit->report(outcome_of(replies, mode, !shipment.whole_time), shared->clock.now());
    const auto changes = [mode](const Reply& reply) { return suggests_change(reply, mode); };
    if (failed(replies) || (replies && std::ranges::any_of(*replies, changes))) {
      self->discovery_->refresh();
    }
  }
  co_return replies;
}

net::Task<std::vector<Result<Reply>>> Dispatch::send_each(std::shared_ptr<Dispatch> self,
                                                          TopologyPtr topology,
                                                          std::vector<ServerPtr> servers,
                                                          Command command, Deadline deadline) {
  const ClientShared& shared = *self->shared_;
  const auto now = shared.clock.now();
  const Deadline limit = deadline.capped(shared.config.timeout, now);
  self->shared_->counts.commands.add(servers.size());
  std::vector<net::Task<Result<Reply>>> tasks;
  for (const ServerPtr& server : servers) {
    Shipment shipment{.topology = topology,
                      .server = server,
                      .wire = encode({&command, 1}),
                      .commands = 1,
                      .replies = 1,
                      .limit = limit,
                      .whole_time = limit.at() == now + shared.config.timeout};
    tasks.push_back(send_one(self, std::move(shipment)));
  }
  co_return co_await net::together(std::move(tasks));
}

void Dispatch::count(const Server& server, const Result<Replies>& replies, std::size_t commands) {
  ClientShared::Counts& counts = shared_->counts;
  if (!replies) {
    if (failed(replies) && server.failures != nullptr) server.failures->add(commands);
    return count_failure(replies.error());
  }
  const Mode mode = shared_->deployment.mode;
  for (const Reply& reply : *replies) {
    if (redirects(reply, mode)) ++counts.redirected;
    if (!refuses(reply, mode)) continue;
    ++(says_cannot_serve(reply) ? counts.unavailable : counts.refused_replies);
    if (says_cannot_serve(reply) && server.failures != nullptr) server.failures->add();
    log_refusal(reply);
  }
}

void Dispatch::count_failure(const Error& error) {
  ClientShared::Counts& counts = shared_->counts;
  switch (error.code) {
    case ErrorCode::kDeadlineExceeded: ++counts.timeouts; break;
    case ErrorCode::kUnavailable: ++counts.unavailable; break;
    case ErrorCode::kUpstream: ++counts.broken; break;
    case ErrorCode::kOverloaded: ++counts.overloaded; break;
    case ErrorCode::kClientClosed: ++counts.cancelled; break;
    default: break;
  }
}

// A wrong permission, say, or no memory: one line a minute.
void Dispatch::log_refusal(const Reply& refusal) {
  const MonotonicTime now = shared_->clock.now();
  MonotonicTime last = shared_->refusal_logged;
  if (last != MonotonicTime::min() && now - last < kLoggedAgain) return;
  if (!shared_->refusal_logged.compare_exchange_strong(last, now)) return; // another thread does
  log_warning("Redis refuses commands", {{"error", refusal.error_word()}});
}

} // namespace raglan::redis
