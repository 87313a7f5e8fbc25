#include "redis/client.h"

#include <fmt/format.h>

#include <algorithm>

#include "redis/dispatch.h"
#include "redis/reply_meaning.h"

namespace raglan::redis {
namespace {

// Of all servers' breakers, the one that is worst off.
policy::BreakerStatus worst_breaker(const Topology& topology, MonotonicTime now) {
  const auto badness = [](policy::BreakerState state) {
    switch (state) {
      case policy::BreakerState::kClosed: return 0;
      case policy::BreakerState::kHalfOpen: return 1;
      case policy::BreakerState::kOpen: break;
    }
    return 2;
  };
  policy::BreakerStatus worst = topology.servers.front()->breaker.status(now);
  for (std::size_t i = 1; i < topology.servers.size(); ++i) {
    const policy::BreakerStatus other = topology.servers[i]->breaker.status(now);
    if (badness(other.state) > badness(worst.state)) worst = other;
  }
  return worst;
}

} // namespace

Error error_of(const Reply& error_reply) {
  if (error_reply.ours) return {*error_reply.ours, error_reply.text, {}};
  const auto word = error_reply.error_word();
  if (says_cannot_serve(error_reply)) {
    return {ErrorCode::kUnavailable, fmt::format("Redis cannot serve: {}", word), {}};
  }
  return {ErrorCode::kUpstream, fmt::format("Redis refused the command: {}", word), {}};
}

Result<std::unique_ptr<Client>> Client::create(ClientConfig config, net::EventLoops& loops,
                                               ClientInstruments instruments, const Clock& clock) {
  auto deployment = parse_deployment(config.url.reveal());
  if (!deployment) return forward_error(deployment);
  auto shared =
      std::make_shared<ClientShared>(std::move(config), std::move(*deployment), instruments, clock);
  if (!shared->tls_usable) {
    return fail(ErrorCode::kUnavailable, "the certificates to trust Redis by cannot be loaded");
  }
  return std::unique_ptr<Client>(new Client(shared, Dispatch::create(shared, loops)));
}

Client::Client(std::shared_ptr<ClientShared> shared, std::shared_ptr<Dispatch> dispatch)
    : shared_(std::move(shared)), dispatch_(std::move(dispatch)) {}

Client::~Client() { dispatch_->close(); }

net::Task<Result<Reply>> Client::command(Command command, Deadline deadline) {
  auto reply = co_await raw_command(std::move(command), deadline);
  if (reply && reply->is_error()) co_return std::unexpected(error_of(*reply));
  co_return reply;
}

net::Task<Result<Reply>> Client::raw_command(Command command, Deadline deadline) {
  auto replies = co_await Dispatch::exchange(dispatch_, {&command, 1}, deadline);
  if (!replies) co_return forward_error(replies);
  co_return std::move(replies->front());
}

net::Task<Result<Replies>> Client::pipeline(std::vector<Command> commands, Deadline deadline) {
  if (commands.empty()) co_return Replies();
  co_return co_await Dispatch::exchange(dispatch_, commands, deadline);
}

net::Task<Result<>> Client::check(Deadline deadline) {
  const auto dispatch = dispatch_; // the client may be gone when this goes on
  auto topology = co_await dispatch->discovery().topology(time_limit(deadline));
  if (!topology) co_return forward_error(topology);
  const Topology& known = **topology;
  auto replies =
      co_await Dispatch::send_each(dispatch, *topology, known.servers, Command("PING"), deadline);
  for (std::size_t i = 0; i < replies.size(); ++i) {
    Error error;
    if (replies[i] && !replies[i]->is_error()) continue;
    error = replies[i] ? error_of(*replies[i]) : replies[i].error();
    if (known.clustered()) {
      error.message = fmt::format("{}: {}", known.servers[i]->address.name(), error.message);
    }
    co_return std::unexpected(std::move(error));
  }
  const std::size_t uncovered = known.uncovered();
  if (uncovered > 0) {
    dispatch->discovery().refresh();
    co_return fail(ErrorCode::kUnavailable,
                   fmt::format("{} slots of Redis' cluster are nobody's", uncovered));
  }
  co_return Result<>();
}

std::string Client::name(std::string_view rest) const {
  return fmt::format("{}{}", shared_->config.key_prefix, rest);
}

Deadline Client::time_limit(Deadline deadline) const {
  return deadline.capped(shared_->config.timeout, shared_->clock.now());
}

const Clock& Client::clock() const { return shared_->clock; }

ClientStats Client::stats() const {
  const auto& counts = shared_->counts;
  ClientStats stats;
  const std::size_t ready = counts.ready;
  const std::size_t connections = counts.connections;
  stats.in_use = counts.in_use;
  stats.idle = ready - std::min<std::size_t>(ready, stats.in_use);
  stats.connecting = connections - std::min(connections, ready);
  stats.waiting = counts.waiting;
  stats.opened = counts.opened.value();
  stats.commands = counts.commands.value();
  stats.waits = counts.waits.value();
  stats.timeouts = counts.timeouts;
  stats.unavailable = counts.unavailable;
  stats.broken = counts.broken;
  stats.refused_replies = counts.refused_replies;
  stats.overloaded = counts.overloaded;
  stats.cancelled = counts.cancelled;
  stats.refused_by_breaker = counts.breaker_refused;
  stats.redirected = counts.redirected;
  stats.refreshes = counts.refreshes;
  stats.failed_refreshes = counts.failed_refreshes;
  stats.topologies = counts.topologies;
  const auto topology = shared_->servers.topology();
  if (topology == nullptr) return stats;
  stats.servers = topology->servers.size();
  stats.uncovered_slots = topology->uncovered();
  const MonotonicTime now = shared_->clock.now();
  stats.breaker = worst_breaker(*topology, now);
  const auto sums = shared_->servers.breaker_sums(now);
  stats.breaker.transitions = sums.transitions;
  stats.breaker.refused = sums.refused;
  return stats;
}

} // namespace raglan::redis
