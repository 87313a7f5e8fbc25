// The balancer: clients in front, hosts behind, a loop on each core between them.
//
//   Balancer balancer(config, routes, fleet);
//   auto listener = net::Listener::open({.port = 8000});
//   if (listener) balancer.listen(std::move(*listener));
//   ...                                                   // on SIGTERM:
//   balancer.drain(Deadline::after(30s, clock.now()));
//
// Each connection lives on the loop that accepted it, and each loop has connections of its own to
// the hosts: nothing of a request is shared between cores but the counts of what hosts have to do.
//
// Thread safety: listen, drain and the destructor belong to one thread; everything else, any.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "balancer/config.h"
#include "balancer/fleet.h"
#include "balancer/worker.h"
#include "base/deadline.h"
#include "net/listener.h"

namespace raglan::balancer {

class Balancer {
 public:
  // `fleet` must outlive it, and `access_log`, which may be null.
  Balancer(BalancerConfig config, std::vector<RouteConfig> routes, Fleet& fleet,
           const OwnAnswers& own = {}, AccessLog* access_log = nullptr,
           const Clock& clock = SystemClock::instance());
  ~Balancer();
  Balancer(const Balancer&) = delete;
  Balancer& operator=(const Balancer&) = delete;

  // Accepts from it on every loop; once.
  Result<> listen(net::Listener listener);
  std::uint16_t port() const { return port_; }

  // Stops accepting, closes idle connections, lets exchanges go on to their last byte, and blocks
  // until no connection is left: true. At the deadline the rest is cut: false.
  bool drain(Deadline deadline);

  std::size_t connections() const { return connections_; } // of clients

 private:
  const BalancerConfig config_;
  const std::vector<RouteConfig> routes_;
  const Clock& clock_;
  std::atomic<std::size_t> connections_ = 0;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::optional<net::Listener> listener_;
  std::uint16_t port_ = 0;
};

} // namespace raglan::balancer
