#include "balancer/host_choice.h"

#include <algorithm>

#include "balancer/path_prefix.h"

namespace raglan::balancer {
namespace {

bool looks_at_latency(policy::Strategy strategy) {
  return strategy == policy::Strategy::kPrequal || strategy == policy::Strategy::kAffinity;
}

} // namespace

HostChoice::HostChoice(Fleet& fleet, const BalancerConfig& config,
                       const std::vector<RouteConfig>& routes, Rng& rng)
    : fleet_(fleet), config_(config), rng_(rng) {
  for (const RouteConfig& route : routes) {
    routes_.push_back({route.path, route.strategy, policy::make_strategy(route.strategy)});
  }
  std::ranges::sort(routes_, std::ranges::greater(),
                    [](const Route& route) { return route.path.size(); });
  routes_.push_back({"", config.strategy, policy::make_strategy(config.strategy)});
}

HostChoice::Route& HostChoice::route_of(std::string_view path) {
  return *std::ranges::find_if(routes_, [&](const Route& route) {
    return route.path.empty() || is_at_or_below(path, route.path);
  });
}

std::shared_ptr<Host> HostChoice::choose(Route& route, const policy::RequestKey& key,
                                         std::span<const Host* const> tried, MonotonicTime now) {
  fleet_.advance(now);
  refresh();
  const bool with_latency = looks_at_latency(route.strategy);
  for (std::size_t i = 0; i < loads_.size(); ++i) {
    const Host& host = *(*hosts_)[i];
    policy::HostLoad& load = loads_[i];
    load.weight = host.weight.load(std::memory_order_relaxed) *
                  policy::slow_start_factor(config_.slow_start,
                                            host.joined_at.load(std::memory_order_relaxed), now);
    load.eligible = host.in_rotation.load(std::memory_order_relaxed) &&
                    std::ranges::find(tried, &host) == tried.end();
    load.in_flight = host.load(now);
    if (with_latency) load.latency = host.latency();
  }
  const auto place = route.state->choose(loads_, key, now, rng_);
  return place ? (*hosts_)[*place] : nullptr;
}

void HostChoice::refresh() {
  const std::uint64_t version = fleet_.version();
  if (version == version_) return;
  version_ = version;
  hosts_ = fleet_.hosts();
  loads_.assign(hosts_->size(), {});
  for (std::size_t i = 0; i < loads_.size(); ++i) loads_[i].id = (*hosts_)[i]->id;
}

} // namespace raglan::balancer
