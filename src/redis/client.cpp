#include "redis/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/log.h"
#include "redis/connection_pool.h"
#include "redis/script.h"

namespace raglan::redis {
namespace {

using policy::Outcome;

// The server cannot serve anybody just now.
bool says_cannot_serve(const Reply& reply) {
  static constexpr std::array<std::string_view, 3> kWords = {"LOADING", "MASTERDOWN",
                                                             "CLUSTERDOWN"};
  return reply.is_error() && std::ranges::find(kWords, reply.error_word()) != kWords.end();
}

// That the server does not know a script is an answer: the caller sends the text (script.h).
bool refuses(const Reply& reply) { return reply.is_error() && !Script::unknown(reply); }

Outcome outcome_of(const Result<Replies>& replies, bool callers_deadline) {
  if (!replies) {
    const auto code = replies.error().code;
    if (code == ErrorCode::kDeadlineExceeded && callers_deadline) return Outcome::kNeutral;
    return policy::outcome_of_error(code);
  }
  if (std::ranges::any_of(*replies, says_cannot_serve)) return Outcome::kFailure;
  if (std::ranges::any_of(*replies, refuses)) return Outcome::kNeutral;
  return Outcome::kSuccess;
}

constexpr std::chrono::minutes kLoggedAgain{1};

// A wrong permission, say, or no memory: one line a minute.
void log_refusal(ClientShared& shared, const Reply& refusal) {
  const MonotonicTime now = shared.clock.now();
  MonotonicTime last = shared.refusal_logged;
  if (last != MonotonicTime::min() && now - last < kLoggedAgain) return;
  if (!shared.refusal_logged.compare_exchange_strong(last, now)) return; // another thread does
  log_warning("Redis refuses commands", {{"error", refusal.error_word()}});
}

void count(ClientShared& shared, const Result<Replies>& replies) {
  ClientShared::Counts& counts = shared.counts;
  if (replies) {
    for (const auto& reply : *replies) {
      if (!refuses(reply)) continue;
      ++(says_cannot_serve(reply) ? counts.unavailable : counts.refused_replies);
      log_refusal(shared, reply);
    }
    return;
  }
  switch (replies.error().code) {
    case ErrorCode::kDeadlineExceeded: ++counts.timeouts; break;
    case ErrorCode::kUnavailable: ++counts.unavailable; break;
    case ErrorCode::kUpstream: ++counts.broken; break;
    case ErrorCode::kOverloaded: ++counts.overloaded; break;
    case ErrorCode::kClientClosed: ++counts.cancelled; break;
    default: break;
  }
}

// The commands as they go out, one behind the other.
Result<std::string> encode(std::span<const Command> commands, const ClientConfig& config) {
  std::size_t size_bytes = 0;
  for (const auto& command : commands) {
    if (!command.shareable()) {
      return fail(ErrorCode::kMalformedRequest, "a Redis command that may not share a connection");
    }
    size_bytes += command.size_bytes();
  }
  if (size_bytes > config.max_command_bytes) {
    return fail(ErrorCode::kTooLarge, "what is to be sent to Redis at once is too large");
  }
  std::string wire;
  for (const auto& command : commands) command.append_to(wire);
  return wire;
}

} // namespace

Error error_of(const Reply& error_reply) {
  const auto word = error_reply.error_word();
  if (says_cannot_serve(error_reply)) {
    return {ErrorCode::kUnavailable, fmt::format("Redis cannot serve: {}", word), {}};
  }
  return {ErrorCode::kUpstream, fmt::format("Redis refused the command: {}", word), {}};
}

Result<std::unique_ptr<Client>> Client::create(ClientConfig config, net::EventLoops& loops,
                                               telemetry::Histogram* wait_seconds,
                                               const Clock& clock) {
  auto address = parse_address(config.url.reveal());
  if (!address) return forward_error(address);
  auto shared =
      std::make_shared<ClientShared>(std::move(config), std::move(*address), wait_seconds, clock);
  if (!shared->tls_usable) {
    return fail(ErrorCode::kUnavailable, "the certificates to trust Redis by cannot be loaded");
  }
  return std::unique_ptr<Client>(new Client(std::move(shared), loops));
}

Client::Client(std::shared_ptr<ClientShared> shared, net::EventLoops& loops)
    : loops_(loops), shared_(std::move(shared)) {
  const std::size_t connections = shared_->config.max_connections;
  const std::size_t pools = std::clamp<std::size_t>(connections, 1, loops.size());
  for (std::size_t i = 0; i < pools; ++i) {
    const std::size_t rest = i < connections % pools ? 1 : 0;
    pools_.push_back(
        std::make_shared<ConnectionPool>(shared_, loops.executor(i), connections / pools + rest));
  }
}

Client::~Client() {
  shared_->closed = true;
  for (std::size_t i = 0; i < pools_.size(); ++i) {
    if (loops_.running()) {
      loops_.post(i, [pool = std::move(pools_[i])] { pool->abort(); });
    } else {
      pools_[i]->abort(); // no thread has the loop, nor will have it again
    }
  }
  shared_->resolver.stop();
}

net::Task<Result<Reply>> Client::command(Command command, Deadline deadline) {
  auto wire = encode({&command, 1}, shared_->config);
  auto replies = co_await exchange(std::move(wire), 1, deadline);
  if (!replies) co_return forward_error(replies);
  auto& reply = replies->front();
  if (reply.is_error()) co_return std::unexpected(error_of(reply));
  co_return std::move(reply);
}

net::Task<Result<Reply>> Client::raw_command(Command command, Deadline deadline) {
  auto wire = encode({&command, 1}, shared_->config);
  auto replies = co_await exchange(std::move(wire), 1, deadline);
  if (!replies) co_return forward_error(replies);
  co_return std::move(replies->front());
}

net::Task<Result<Replies>> Client::pipeline(std::vector<Command> commands, Deadline deadline) {
  if (commands.empty()) co_return Replies();
  auto wire = encode(commands, shared_->config);
  co_return co_await exchange(std::move(wire), commands.size(), deadline);
}

net::Task<Result<Replies>> Client::exchange(Result<std::string> wire, std::size_t commands,
                                            Deadline deadline) {
  if (!wire) co_return forward_error(wire);
  const auto shared = shared_; // the client may be gone when this goes on
  const auto current = loops_.current();
  if (!current) co_return fail(ErrorCode::kInternal, "not on one of the client's event loops");
  const std::size_t index = *current % pools_.size();
  const auto pool = pools_[index];
  auto* const other_loop = index == *current ? nullptr : &loops_;

  const auto now = shared->clock.now();
  shared->counts.commands.add(commands);
  if (deadline.expired(now)) co_return net::too_late();
  auto permit = shared->breaker.try_acquire(now);
  if (!permit) {
    ++shared->counts.breaker_refused;
    co_return fail(ErrorCode::kUnavailable, "Redis has failed too often and is left alone");
  }
  const Deadline limit = deadline.capped(shared->config.timeout, now);
  std::weak_ptr<Request> sent; // a request that held on to this coroutine could never go
  auto begin = [&](const net::Completion<Replies>& done) {
    auto request = std::make_shared<Request>(std::move(*wire), commands, now, limit.at(), done);
    sent = request;
    if (other_loop == nullptr) return pool->submit(request);
    other_loop->post(index, [pool, request] { pool->submit(request); });
  };
  auto replies = co_await net::await_completion<Replies>(std::move(begin));

  if (!replies && replies.error().code == ErrorCode::kClientClosed) {
    auto abandon = [pool, sent] {
      if (const auto request = sent.lock()) pool->abandon(request);
    };
    other_loop == nullptr ? abandon() : other_loop->post(index, abandon);
  }
  count(*shared, replies);
  const bool callers_deadline = deadline.at() < now + shared->config.timeout;
  if (!shared->closed) {
    permit->report(outcome_of(replies, callers_deadline), shared->clock.now());
  }
  co_return replies;
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
  stats.breaker = shared_->breaker.status(shared_->clock.now());
  return stats;
}

} // namespace raglan::redis
