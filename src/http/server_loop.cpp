#include "http/server_loop.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/log.h"
#include "http/connection.h"
#include "http/http_date.h"

namespace raglan::http {
namespace {

namespace asio = boost::asio;
constexpr auto kToken = asio::as_tuple(asio::deferred);

// After the process has run out of descriptors or memory for sockets.
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr std::chrono::seconds kAcceptWarningInterval{10};
// Connections over the limit that may wait, per loop, to have read their 503; more are just closed.
constexpr std::size_t kMaxRefusals = 64;

} // namespace

// One body always fits: a client that is told to come back must not be told so for ever.
ServerShared::ServerShared(const ServerConfig& server_config, Handler server_handler,
                           ServerHooks server_hooks, const Clock& server_clock)
    : config(server_config),
      handler(std::move(server_handler)),
      hooks(std::move(server_hooks)),
      clock(server_clock),
      bodies(std::make_shared<BodyBudget>(
          std::max(config.max_bodies_bytes, config.limits.max_body_bytes))) {}

ServerLoop::ServerLoop(std::shared_ptr<ServerShared> shared_state,
                       net::EventLoops::Executor executor)
    : shared(std::move(shared_state)),
      executor_(std::move(executor)),
      coarse_now_(shared->clock.now()) {
  refresh_date();
}

net::Task<> ServerLoop::accept(FileDescriptor listening, bool is_v6) {
  // Counts this coroutine for drain, and says when it is gone, in whatever way it goes.
  const auto self = shared_from_this();
  const std::unique_ptr<ServerLoop, void (*)(ServerLoop*)> presence(this, [](ServerLoop* loop) {
    loop->acceptor_ = nullptr;
    --loop->shared->accept_loops;
  });
  Acceptor acceptor(executor_, is_v6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(),
                    listening.release());
  asio::steady_timer pause(executor_);
  acceptor_ = &acceptor;
  MonotonicTime warn_after{};
  while (!shared->draining) {
    asio::ip::tcp::endpoint peer;
    auto [failure, socket] = co_await acceptor.async_accept(peer, kToken);
    if (!failure) {
      start(std::move(socket), peer);
    } else if (failure != asio::error::operation_aborted &&
               failure != asio::error::connection_aborted) {
      if (coarse_now() >= warn_after) {
        log_warning("cannot accept", {{"reason", failure.message()}});
        warn_after = coarse_now() + kAcceptWarningInterval;
      }
      pause.expires_after(kAcceptPause);
      co_await pause.async_wait(kToken);
    }
  }
  accept_backlog(acceptor);
}

// What the kernel has accepted for us already would be reset if the socket were just closed.
void ServerLoop::accept_backlog(Acceptor& acceptor) {
  boost::system::error_code failure;
  acceptor.non_blocking(true, failure);
  while (!failure && !shared->stopped) {
    asio::ip::tcp::endpoint peer;
    auto socket = acceptor.accept(peer, failure);
    if (!failure) start(std::move(socket), peer);
  }
}

void ServerLoop::start(Socket socket, const asio::ip::tcp::endpoint& peer) {
  const bool over_limit = shared->connections.load() >= shared->config.max_connections;
  if (over_limit && refusals_ >= kMaxRefusals) return;
  boost::system::error_code failure;
  socket.set_option(asio::ip::tcp::no_delay(true), failure);
  socket.non_blocking(true, failure);
  if (failure) return;
  auto connection = std::make_unique<Connection>(std::move(socket), peer.address().to_string(),
                                                 shared_from_this(), over_limit);
  auto& running = *connection;
  // The completion handler owns the connection: it outlives the coroutine that uses it.
  auto finished = [owned = std::move(connection)](const std::exception_ptr&) {};
  asio::co_spawn(executor_, running.run(),
                 asio::bind_cancellation_slot(running.cancellation_slot(), std::move(finished)));
}

void ServerLoop::enter(Connection& connection) {
  connections_.push_back(&connection);
  ++shared->connections;
  if (connection.over_limit()) ++refusals_;
}

void ServerLoop::leave(Connection& connection) {
  *std::ranges::find(connections_, &connection) = connections_.back();
  connections_.pop_back();
  --shared->connections;
  if (connection.over_limit()) --refusals_;
}

net::Task<> ServerLoop::sweep() {
  const auto self = shared_from_this();
  asio::steady_timer timer(executor_);
  while (!shared->stopped || !connections_.empty()) {
    timer.expires_after(shared->config.sweep_interval);
    co_await timer.async_wait(kToken);
    sweep_once();
  }
}

void ServerLoop::sweep_once() {
  coarse_now_ = shared->clock.now();
  refresh_date();
  for (auto* connection : connections_) connection->close_if_overdue(coarse_now_);
  find_departed();
}

// Clients that have gone while their handlers run. One poll() a sweep for all of them, instead of a
// pending read beside every handler: nothing is spent on the requests that are answered quickly.
void ServerLoop::find_departed() {
  std::vector<pollfd> sockets;
  std::vector<Connection*> waiting;
  for (auto* connection : connections_) {
    if (!connection->is_handling()) continue;
    sockets.push_back({connection->native_socket(), POLLRDHUP, 0});
    waiting.push_back(connection);
  }
  if (sockets.empty() || ::poll(sockets.data(), sockets.size(), 0) <= 0) return;
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    if ((sockets[i].revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0) waiting[i]->cancel();
  }
}

void ServerLoop::refresh_date() {
  const auto now = std::chrono::floor<std::chrono::seconds>(shared->clock.wall_now());
  if (!date_.empty() && now == date_second_) return;
  date_second_ = now;
  date_ = http_date(now);
}

void ServerLoop::drain() {
  boost::system::error_code ignored;
  if (acceptor_ != nullptr) acceptor_->cancel(ignored);
  for (auto* connection : connections_) connection->close_if_idle();
}

void ServerLoop::abort() {
  drain();
  for (auto* connection : connections_) connection->cancel();
}

} // namespace raglan::http
