#include "redis/known_servers.h"

namespace raglan::redis {

Address KnownServers::address_of(const HostPort& place) const {
  Address address = like_;
  address.host = place.host;
  address.port = place.port;
  return address;
}

// A server is made outside of the lock: whoever makes it has locks of its own (metrics). Another
// thread may have made the same meanwhile, and the first is kept.
ServerPtr KnownServers::at(const HostPort& place) {
  const Address address = address_of(place);
  const std::string name = address.name();
  const auto find = [&](State& state) {
    const auto found = state.servers.find(name);
    if (found == state.servers.end()) return ServerPtr();
    found->second.named = true;
    return found->second.server;
  };
  bool full = false;
  ServerPtr known = state_.with([&](State& state) {
    full = is_full(state);
    return find(state);
  });
  if (known != nullptr || full) return known;
  ServerPtr made = make_(address);
  return state_.with([&](State& state) {
    ServerPtr other = find(state);
    if (other != nullptr || is_full(state)) return other;
    state.servers.emplace(name, Known{made, true});
    return made;
  });
}

bool KnownServers::is_full(const State& state) {
  const std::size_t listed = state.topology == nullptr ? 0 : state.topology->servers.size();
  return state.servers.size() >= listed + kMaxGuests;
}

std::vector<ServerPtr> KnownServers::find_or_make(const std::vector<Address>& addresses) const {
  std::vector<ServerPtr> servers = state_.with([&](const State& state) {
    std::vector<ServerPtr> known;
    for (const Address& address : addresses) {
      const auto found = state.servers.find(address.name());
      known.push_back(found == state.servers.end() ? nullptr : found->second.server);
    }
    return known;
  });
  for (std::size_t i = 0; i < servers.size(); ++i) {
    if (servers[i] == nullptr) servers[i] = make_(addresses[i]);
  }
  return servers;
}

KnownServers::BreakerSums KnownServers::breaker_sums(MonotonicTime now) const {
  return state_.with([&](const State& state) {
    BreakerSums sums = state.left;
    for (const auto& [name, known] : state.servers) sums.add(known.server->breaker.status(now));
    return sums;
  });
}

TopologyPtr KnownServers::topology() const {
  return state_.with([](const State& state) { return state.topology; });
}

KnownServers::Published KnownServers::publish(const Whereabouts& found) {
  std::vector<Address> addresses;
  for (const HostPort& place : found.masters) addresses.push_back(address_of(place));
  auto topology = std::make_shared<Topology>();
  topology->servers = find_or_make(addresses);
  topology->owners = found.owners;
  return state_.with([&](State& state) { return replace(state, std::move(topology)); });
}

void KnownServers::publish(const Address& only) {
  auto topology = std::make_shared<Topology>();
  topology->servers = find_or_make({only});
  state_.with([&](State& state) { replace(state, std::move(topology)); });
}

KnownServers::Published KnownServers::replace(State& state, std::shared_ptr<Topology> topology) {
  for (ServerPtr& server : topology->servers) {
    // A redirect may have named it since it was made.
    server = state.servers.try_emplace(server->address.name(), Known{server}).first->second.server;
  }
  Published published;
  const TopologyPtr& before = state.topology;
  published.topology = before == nullptr || before->servers != topology->servers ||
                       before->owners != topology->owners;
  for (auto& [name, known] : state.servers) {
    known.server->listed = std::exchange(known.named, false) || topology->has(*known.server);
    if (!known.server->listed) state.left.add(known.server->breaker.status(MonotonicTime()));
  }
  published.servers = std::erase_if(state.servers, [](const auto& each) {
                        return !each.second.server->listed;
                      }) > 0;
  if (published.topology) state.topology = std::move(topology);
  return published;
}

} // namespace raglan::redis
