// Which servers there are, and which of them has a key: a snapshot, replaced as a whole.
//
// Standalone: the server. With sentinels: the master. A cluster: its masters, and whose each slot
// is. Internal to redis/; known_servers.h has the present one.
//
// Thread safety: does not change once published; the servers do by themselves (server.h).
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "redis/server.h"
#include "redis/slot_map.h"

namespace raglan::redis {

struct Topology {
  std::vector<ServerPtr> servers;    // at least one
  std::vector<std::uint16_t> owners; // as in SlotMap, but of `servers`; empty: no cluster

  bool clustered() const { return !owners.empty(); }
  // Whose key or channel that is; null when it is nobody's.
  ServerPtr owner_of(std::string_view key) const {
    if (!clustered()) return servers.front();
    const auto owner = owners[hash_slot(key)];
    return owner == SlotMap::kNobody ? nullptr : servers[owner];
  }
  // How many slots are nobody's.
  std::size_t uncovered() const {
    return static_cast<std::size_t>(std::ranges::count(owners, SlotMap::kNobody));
  }
  bool has(const Server& server) const {
    return std::ranges::find(servers, &server, &ServerPtr::get) != servers.end();
  }
  // Among how many servers connections are divided. In a cluster there is room for one more: what
  // is just getting its first slot is asked (ASK), and not in the map yet.
  std::size_t shares() const { return servers.size() + (clustered() ? 1 : 0); }
  // Which of them is that server's; the last, when it is not one of `servers`.
  std::size_t share_of(const Server& server) const {
    const auto is = [&](const ServerPtr& known) { return known.get() == &server; };
    const auto place = std::ranges::find_if(servers, is) - servers.begin();
    return std::min(static_cast<std::size_t>(place), shares() - 1);
  }
};
using TopologyPtr = std::shared_ptr<const Topology>;

} // namespace raglan::redis
