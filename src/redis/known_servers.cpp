#include "redis/known_servers.h"

namespace raglan::redis {

Address KnownServers::address_of(const HostPort& place) const {
  Address address = like_;
  address.host = place.host;
  address.port = place.port;
  return address;
}

ServerPtr KnownServers::find(State& state, const Address& address) const {
  ServerPtr& server = state.servers[address.name()];
  if (server == nullptr) server = make_(address);
  return server;
}

ServerPtr KnownServers::at(const HostPort& place) {
  const Address address = address_of(place);
  return state_.with([&](State& state) { return find(state, address); });
}

TopologyPtr KnownServers::topology() const {
  return state_.with([](const State& state) { return state.topology; });
}

bool KnownServers::publish(const SlotMap& map) {
  return state_.with([&](State& state) {
    auto topology = std::make_shared<Topology>();
    for (const HostPort& place : map.masters) {
      topology->servers.push_back(find(state, address_of(place)));
    }
    topology->owners = map.owners;
    const TopologyPtr& before = state.topology;
    if (before != nullptr && before->servers == topology->servers &&
        before->owners == topology->owners) {
      return false;
    }
    replace(state, std::move(topology));
    return true;
  });
}

void KnownServers::publish(const Address& only) {
  state_.with([&](State& state) {
    auto topology = std::make_shared<Topology>();
    topology->servers.push_back(find(state, only));
    replace(state, std::move(topology));
  });
}

void KnownServers::replace(State& state, TopologyPtr topology) {
  for (const auto& [name, server] : state.servers) server->listed = false;
  state.servers.clear();
  for (const ServerPtr& server : topology->servers) {
    server->listed = true;
    state.servers.emplace(server->address.name(), server);
  }
  state.topology = std::move(topology);
}

} // namespace raglan::redis
