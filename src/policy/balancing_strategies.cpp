#include "policy/balancing_strategies.h"

#include <limits>

#include "policy/affinity.h"
#include "policy/prequal.h"
#include "policy/relative_load.h"
#include "policy/rendezvous.h"
#include "policy/weighted_pick.h"

namespace raglan::policy {

std::string_view strategy_name(Strategy strategy) {
  switch (strategy) {
    case Strategy::kRoundRobin: return "round_robin";
    case Strategy::kLeastConnections: return "least_connections";
    case Strategy::kIpHash: return "ip_hash";
    case Strategy::kWeightedRoundRobin: return "weighted_round_robin";
    case Strategy::kP2c: return "p2c";
    case Strategy::kPrequal: return "prequal";
    case Strategy::kAffinity: return "affinity";
  }
  return "unknown";
}

std::unique_ptr<BalancingStrategy> make_strategy(Strategy strategy) {
  switch (strategy) {
    case Strategy::kRoundRobin: return std::make_unique<RoundRobin>();
    case Strategy::kLeastConnections: return std::make_unique<LeastConnections>();
    case Strategy::kIpHash: return std::make_unique<IpHash>();
    case Strategy::kWeightedRoundRobin: return std::make_unique<WeightedRoundRobin>();
    case Strategy::kP2c: return std::make_unique<TwoChoices>();
    case Strategy::kPrequal: return std::make_unique<Prequal>();
    case Strategy::kAffinity: return std::make_unique<Affinity>();
  }
  return nullptr;
}

std::optional<std::size_t> RoundRobin::choose(std::span<const HostLoad> hosts, const RequestKey&,
                                              MonotonicTime, Rng& rng) {
  if (hosts.empty()) return std::nullopt;
  // Each loop begins somewhere else, or all would go to the first host together.
  const std::size_t begin = last_ ? *last_ + 1 : rng.below(hosts.size());
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const std::size_t place = (begin + i) % hosts.size();
    if (hosts[place].eligible) return last_ = place;
  }
  return std::nullopt;
}

std::optional<std::size_t> WeightedRoundRobin::choose(std::span<const HostLoad> hosts,
                                                      const RequestKey&, MonotonicTime, Rng&) {
  const std::span<double> credits = credits_.of(hosts);
  std::optional<std::size_t> most;
  double given = 0;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    if (!hosts[i].eligible) continue;
    credits[i] += hosts[i].weight;
    given += hosts[i].weight;
    if (!most || credits[i] > credits[*most]) most = i;
  }
  if (most) credits[*most] -= given;
  return most;
}

std::optional<std::size_t> LeastConnections::choose(std::span<const HostLoad> hosts,
                                                    const RequestKey&, MonotonicTime, Rng& rng) {
  WeightedPick pick;
  double fewest = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    if (!hosts[i].eligible) continue;
    const double load = relative_load(hosts[i]);
    if (load > fewest) continue;
    if (load < fewest) pick = {};
    fewest = load;
    pick.offer(i, hosts[i].weight, rng);
  }
  return pick.picked();
}

std::optional<std::size_t> TwoChoices::choose(std::span<const HostLoad> hosts, const RequestKey&,
                                              MonotonicTime, Rng& rng) {
  WeightedPick first;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    if (hosts[i].eligible) first.offer(i, hosts[i].weight, rng);
  }
  WeightedPick second; // of the others
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    if (hosts[i].eligible && i != first.picked()) second.offer(i, hosts[i].weight, rng);
  }
  if (!second.picked()) return first.picked();
  const HostLoad& one = hosts[*first.picked()];
  const HostLoad& other = hosts[*second.picked()];
  return relative_load(other) < relative_load(one) ? second.picked() : first.picked();
}

std::optional<std::size_t> IpHash::choose(std::span<const HostLoad> hosts, const RequestKey& key,
                                          MonotonicTime, Rng&) {
  std::optional<std::size_t> nearest;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    if (!hosts[i].eligible) continue;
    const double distance = rendezvous_distance(key.client, hosts[i].id, hosts[i].weight);
    if (nearest && distance >= least) continue;
    nearest = i;
    least = distance;
  }
  return nearest;
}

} // namespace raglan::policy
