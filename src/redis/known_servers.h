// The servers that the client knows, and the present topology. Internal to redis/.
//
// A server that stays where it is stays the same object when the topology changes, with its breaker
// and its connections. One that a redirect names before the topology has it is a guest: known until
// a map does not have it either, and no redirect has named it since the map before. There are
// kMaxGuests of them at most.
//
// Thread safety: any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/guarded.h"
#include "redis/topology.h"
#include "redis/whereabouts.h"

namespace raglan::redis {

class KnownServers {
 public:
  static constexpr std::size_t kMaxGuests = 64;

  // Makes a server that was not known, or may not have been.
  using Make = std::function<ServerPtr(Address)>;

  KnownServers(Address like, Make make) : like_(std::move(like)), make_(std::move(make)) {}

  // As every server of this installation, but there.
  Address address_of(const HostPort& place) const;
  // That a redirect names. Null when there are too many guests.
  ServerPtr at(const HostPort& place);

  // What the breakers of all servers have counted so far, those included that are no more.
  struct BreakerSums {
    std::uint64_t transitions = 0;
    std::uint64_t refused = 0;
    void add(const policy::BreakerStatus& status) {
      transitions += status.transitions;
      refused += status.refused;
    }
  };
  BreakerSums breaker_sums(MonotonicTime now) const;

  // Null until it is known.
  TopologyPtr topology() const;
  struct Published {
    bool topology = false; // it is another than before
    bool servers = false;  // some are no more: their connections are to go
  };
  Published publish(const Whereabouts& found);
  void publish(const Address& only);

 private:
  struct Known {
    ServerPtr server;
    bool named = false; // by a redirect, since the last map
  };
  struct State {
    std::map<std::string, Known> servers; // by address
    TopologyPtr topology;
    BreakerSums left; // of servers that are no more
  };

  static bool is_full(const State& state); // of guests
  // Those of these addresses, and new ones for those that are not known.
  std::vector<ServerPtr> find_or_make(const std::vector<Address>& addresses) const;
  static Published replace(State& state, std::shared_ptr<Topology> topology);

  const Address like_;
  const Make make_;
  Guarded<State> state_;
};

} // namespace raglan::redis
