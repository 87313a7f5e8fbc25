// The strategies that need one pass over the hosts and little memory; `prequal` and `affinity` have
// files of their own. What all have in common: none goes to a host that is not eligible.
//
//   round_robin           in turn, whatever the weights are
//   weighted_round_robin  in turn by weight, and evenly in time: nginx's smooth one ("Upstream:
//                         smooth weighted round-robin balancing", 2012). Each choice gives every
//                         host its weight; the host that has most pays what all were given.
//   least_connections     fewest requests in flight per weight; of equals one at random by weight:
//                         in turn, or always the first, several loops would do the same at once
//   p2c                   two at random by weight, of which that with fewer in flight per weight
//                         (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing",
//                         2001): nearly as even, and hosts do not all rush to the one that looks
//                         best
//   ip_hash               a client's host is the same while it is there (policy/rendezvous.h);
//                         nginx's modulo was rejected: it moves most clients when a host leaves
//
// Thread safety: none; a strategy belongs to one loop.
#pragma once

#include "policy/host_states.h"
#include "policy/load_balancing.h"

namespace raglan::policy {

class RoundRobin final : public BalancingStrategy {
 public:
  std::optional<std::size_t> choose(std::span<const HostLoad> hosts, const RequestKey& key,
                                    MonotonicTime now, Rng& rng) override;

 private:
  std::optional<std::size_t> last_; // the place that was chosen
};

class WeightedRoundRobin final : public BalancingStrategy {
 public:
  std::optional<std::size_t> choose(std::span<const HostLoad> hosts, const RequestKey& key,
                                    MonotonicTime now, Rng& rng) override;

 private:
  HostStates<double> credits_; // they sum to zero, but for those of hosts that are gone
};

class LeastConnections final : public BalancingStrategy {
 public:
  std::optional<std::size_t> choose(std::span<const HostLoad> hosts, const RequestKey& key,
                                    MonotonicTime now, Rng& rng) override;
};

class TwoChoices final : public BalancingStrategy {
 public:
  std::optional<std::size_t> choose(std::span<const HostLoad> hosts, const RequestKey& key,
                                    MonotonicTime now, Rng& rng) override;
};

class IpHash final : public BalancingStrategy {
 public:
  std::optional<std::size_t> choose(std::span<const HostLoad> hosts, const RequestKey& key,
                                    MonotonicTime now, Rng& rng) override;
};

} // namespace raglan::policy
