// The servers that the client knows, and the present topology. Internal to redis/.
//
// A server that stays where it is stays the same object when the topology changes, with its breaker
// and its connections. One that a redirect names before the topology has it is known from then on,
// until the next topology does not have it either.
//
// Thread safety: any thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/guarded.h"
#include "redis/topology.h"

namespace raglan::redis {

class KnownServers {
 public:
  // Makes a server that was not known; called under the lock.
  using Make = std::function<ServerPtr(Address)>;

  KnownServers(Address like, Make make) : like_(std::move(like)), make_(std::move(make)) {}

  // As every server of this installation, but there.
  Address address_of(const HostPort& place) const;
  ServerPtr at(const HostPort& place);

  // Null until it is known.
  TopologyPtr topology() const;
  // False: it is the one there was.
  bool publish(const SlotMap& map);
  void publish(const Address& only);

 private:
  struct State {
    std::map<std::string, ServerPtr> servers; // by address
    TopologyPtr topology;
  };

  ServerPtr find(State& state, const Address& address) const;
  static void replace(State& state, TopologyPtr topology);

  const Address like_;
  const Make make_;
  Guarded<State> state_;
};

} // namespace raglan::redis
