// The part of a server that belongs to one event loop: its connections, its sweep, its Date.
// Internal to http/: see server.h for what it all does.
//
// Ownership: coroutines own what they use. The accept loop, the sweep and every connection hold a
// shared_ptr to their ServerLoop, and that one to the ServerShared; sockets and timers are locals
// of coroutines, so they are destroyed with the event loop at the latest, and a Server may be
// destroyed before or after its event loops. (A Server that owned them would dangle on one of the
// two orders.)
//
// Thread safety: everything here belongs to the loop's thread, except ServerShared's atomics.
#pragma once

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/file_descriptor.h"
#include "http/body_budget.h"
#include "http/server.h"

namespace raglan::http {

class Connection;

struct ServerShared {
  ServerShared(const ServerConfig& server_config, Handler server_handler, ServerHooks server_hooks,
               const Clock& server_clock);

  const ServerConfig config;
  Handler handler;
  ServerHooks hooks;
  const Clock& clock;
  const std::shared_ptr<BodyBudget> bodies;
  std::atomic<bool> draining = false;
  std::atomic<bool> stopped = false; // aborted: nothing new may start
  std::atomic<std::size_t> connections = 0;
  std::atomic<std::size_t> accept_loops = 0;
};

class ServerLoop : public std::enable_shared_from_this<ServerLoop> {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  using Acceptor = boost::asio::ip::tcp::acceptor;

  ServerLoop(std::shared_ptr<ServerShared> shared_state, net::EventLoops::Executor executor);

  // Runs until drained.
  net::Task<> accept(FileDescriptor listening, bool is_v6);
  // Runs until there is nothing left to sweep and nothing more to come.
  net::Task<> sweep();

  void drain(); // stop accepting, close what is idle
  void abort(); // cancel and close everything

  void enter(Connection& connection);
  void leave(Connection& connection);

  // The clock as of the last sweep: good enough for timeouts, and free.
  MonotonicTime coarse_now() const { return coarse_now_; }
  std::string_view date() const { return date_; }

  const std::shared_ptr<ServerShared> shared;

 private:
  void start(Socket socket, const boost::asio::ip::tcp::endpoint& peer);
  void accept_backlog(Acceptor& acceptor);
  void sweep_once();
  void find_departed();
  void refresh_date();

  net::EventLoops::Executor executor_;
  Acceptor* acceptor_ = nullptr; // while accept() runs
  std::vector<Connection*> connections_;
  std::size_t refusals_ = 0; // connections over the limit that are being told so
  MonotonicTime coarse_now_;
  WallTime date_second_{};
  std::string date_;
};

} // namespace raglan::http
