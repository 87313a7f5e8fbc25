#include "balancer/balancer.h"

#include <thread>

namespace raglan::balancer {

using std::chrono::milliseconds;

Balancer::Balancer(BalancerConfig config, std::vector<RouteConfig> routes, Fleet& fleet,
                   const OwnAnswers& own, AccessLog* access_log, const Clock& clock)
    : config_(std::move(config)), routes_(std::move(routes)), clock_(clock) {
  std::size_t threads = config_.threads;
  if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
  for (std::size_t i = 0; i < threads; ++i) {
    workers_.push_back(
        std::make_unique<Worker>(config_, routes_, fleet, own, access_log, connections_, clock_));
  }
}

Balancer::~Balancer() {
  for (const auto& worker : workers_) worker->stop();
}

Result<> Balancer::listen(net::Listener listener) {
  port_ = listener.port();
  for (const auto& worker : workers_) {
    auto copy = listener.duplicate();
    if (!copy) return forward_error(copy);
    if (!worker->listen(std::move(*copy))) {
      return fail(ErrorCode::kUnavailable, "the listener cannot be watched");
    }
  }
  listener_ = std::move(listener);
  for (const auto& worker : workers_) worker->start();
  return {};
}

bool Balancer::drain(Deadline deadline) {
  listener_.reset();
  for (const auto& worker : workers_) worker->drain();
  while (connections() > 0 && !deadline.expired(clock_.now())) {
    std::this_thread::sleep_for(milliseconds(5));
  }
  const bool whole = connections() == 0;
  for (const auto& worker : workers_) worker->stop();
  return whole;
}

} // namespace raglan::balancer
