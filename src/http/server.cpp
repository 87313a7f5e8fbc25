#include "http/server.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <thread>
#include <vector>

#include "http/server_loop.h"

namespace raglan::http {
namespace {

// How often a drain looks whether it is over.
constexpr std::chrono::milliseconds kDrainPoll{5};
// How long the destructor waits for cancelled coroutines to end.
constexpr std::chrono::milliseconds kStopGrace{2'000};

} // namespace

struct Server::State {
  std::shared_ptr<ServerShared> shared;
  std::vector<std::shared_ptr<ServerLoop>> loops;

  bool idle() const { return shared->connections == 0 && shared->accept_loops == 0; }
};

Server::Server(ServerConfig config, net::EventLoops& loops, Handler handler, ServerHooks hooks,
               const Clock& clock)
    : loops_(loops), state_(std::make_shared<State>()) {
  state_->shared =
      std::make_shared<ServerShared>(config, std::move(handler), std::move(hooks), clock);
  for (std::size_t i = 0; i < loops.size(); ++i) {
    state_->loops.push_back(std::make_shared<ServerLoop>(state_->shared, loops.executor(i)));
    boost::asio::co_spawn(loops.executor(i), state_->loops[i]->sweep(), boost::asio::detached);
  }
}

Server::~Server() {
  drain(Deadline(MonotonicTime::min()));
  // Real time, whatever clock the server was given: threads are waited for.
  const Clock& clock = SystemClock::instance();
  const auto give_up = clock.now() + kStopGrace;
  while (!state_->idle() && loops_.running() && clock.now() < give_up) {
    std::this_thread::sleep_for(kDrainPoll);
  }
}

Result<> Server::listen(net::Listener listener) {
  std::vector<FileDescriptor> descriptors;
  for (std::size_t i = 0; i < state_->loops.size(); ++i) {
    auto descriptor = listener.duplicate();
    if (!descriptor) return forward_error(descriptor);
    descriptors.push_back(std::move(*descriptor));
  }
  for (std::size_t i = 0; i < state_->loops.size(); ++i) {
    ++state_->shared->accept_loops;
    boost::asio::co_spawn(loops_.executor(i),
                          state_->loops[i]->accept(std::move(descriptors[i]), listener.is_v6()),
                          boost::asio::detached);
  }
  port_ = listener.port();
  listener_ = std::move(listener);
  return {};
}

bool Server::drain(Deadline deadline) {
  const auto& shared = *state_->shared;
  state_->shared->draining = true;
  for (std::size_t i = 0; i < state_->loops.size(); ++i) {
    loops_.post(i, [loop = state_->loops[i]] { loop->drain(); });
  }
  listener_.reset(); // the loops' duplicates close when they have taken what is in the backlog
  while (!state_->idle() && !deadline.expired(shared.clock.now())) {
    std::this_thread::sleep_for(kDrainPoll);
  }
  state_->shared->stopped = true;
  const bool drained = state_->idle();
  for (std::size_t i = 0; i < state_->loops.size(); ++i) {
    loops_.post(i, [loop = state_->loops[i]] { loop->abort(); });
  }
  return drained;
}

std::size_t Server::connections() const { return state_->shared->connections; }

std::uint64_t Server::body_bytes() const { return state_->shared->bodies->held_bytes(); }

std::uint64_t Server::refused_bodies() const { return state_->shared->bodies->refused(); }

} // namespace raglan::http
