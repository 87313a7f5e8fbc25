// Which host a request goes to, on one loop: the strategy of its route, asked with what the hosts
// have to do at this moment.
//
// Thread safety: none; of one loop.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "balancer/config.h"
#include "balancer/fleet.h"
#include "base/rng.h"
#include "policy/load_balancing.h"

namespace raglan::balancer {

class HostChoice {
 public:
  // A strategy with what it remembers; those of two loops know nothing of each other.
  struct Route {
    std::string path;
    policy::Strategy strategy;
    std::unique_ptr<policy::BalancingStrategy> state;
  };

  HostChoice(Fleet& fleet, const BalancerConfig& config, const std::vector<RouteConfig>& routes,
             Rng& rng);

  // The one with the longest path that the request's is, or is below.
  Route& route_of(std::string_view path);
  // Null when there is none beside those that were tried.
  std::shared_ptr<Host> choose(Route& route, const policy::RequestKey& key,
                               std::span<const Host* const> tried, MonotonicTime now);

 private:
  void refresh();

  Fleet& fleet_;
  const BalancerConfig& config_;
  Rng& rng_;
  std::vector<Route> routes_; // the longest path first, at last the one for all
  std::uint64_t version_ = 0;
  std::shared_ptr<const Hosts> hosts_;
  std::vector<policy::HostLoad> loads_;
};

} // namespace raglan::balancer
