// Which host a request goes to: the seam of the balancer's strategies, and what they look at.
//
// A strategy is pure: it is given what is known of the hosts at this moment, time and randomness,
// and says a place among them. What the hosts are, which of them are well and how much they have to
// do is found out elsewhere. Each event loop has a strategy of its own, so that none needs a lock;
// what the hosts have to do is counted over all loops.
//
//   auto strategy = make_strategy(Strategy::kLeastConnections);
//   auto place = strategy->choose(hosts, key, now, rng); // empty: none can be asked
//
// Thread safety: none; a strategy belongs to one loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/clock.h"
#include "base/rng.h"

namespace raglan::policy {

enum class Strategy : std::uint8_t {
  kRoundRobin,
  kLeastConnections,
  kIpHash,
  kWeightedRoundRobin,
  kP2c,
  kPrequal,
  kAffinity,
};
std::string_view strategy_name(Strategy strategy); // "round_robin", …

// A host as strategies see it. The order of hosts is the same from call to call; `id` stays the
// host's when others come and go.
struct HostLoad {
  std::uint64_t id = 0;        // a hash of its address
  double weight = 1;           // as configured, times its slow start; positive
  bool eligible = true;        // well, in rotation, and not tried already for this request
  std::uint32_t in_flight = 0; // requests that it has not answered to the end, of all loops
  // Smoothed, to the end of an answer; zero: none is known yet. An answer that failed counts as
  // slow as the longest that is waited for: who fails fast does not seem quick.
  Duration latency{};
};

struct RequestKey {
  std::uint64_t client = 0;             // a hash of the client's address
  std::optional<std::uint64_t> content; // of what is asked (tenant, collection, query), where known
};

class BalancingStrategy {
 public:
  virtual ~BalancingStrategy() = default;
  // The place of one that is eligible; empty when none is.
  virtual std::optional<std::size_t> choose(std::span<const HostLoad> hosts, const RequestKey& key,
                                            MonotonicTime now, Rng& rng) = 0;
};

std::unique_ptr<BalancingStrategy> make_strategy(Strategy strategy);

} // namespace raglan::policy
