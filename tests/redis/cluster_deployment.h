// A Redis Cluster of three masters, each with a replica, which the test starts and ends.
#pragma once

#include <memory>

#include "redis/hash_slot.h"
#include "tcp_server.h"

namespace raglan::redis {

class ClusterDeployment {
 public:
  // servers[0..2] are the masters at first, servers[3..5] their replicas. `full_coverage`: "yes",
  // and none serves anybody while a slot is nobody's.
  explicit ClusterDeployment(std::string_view full_coverage = "no") {
    constexpr std::size_t kMasters = 3;
    for (std::size_t i = 0; i < 2 * kMasters; ++i) {
      bus_.push_back(free_port());
      servers.push_back(std::make_unique<TcpServer>(std::vector<std::string>{
          "cluster-enabled yes", "cluster-node-timeout 2000",
          "cluster-port " + std::to_string(bus_[i]),
          "cluster-require-full-coverage " + std::string(full_coverage),
          "cluster-replica-validity-factor 0", "cluster-allow-replica-migration no"}));
    }
    for (std::size_t i = 0; i < servers.size(); ++i) {
      servers[i]->tell(Command("CLUSTER", "SET-CONFIG-EPOCH", i + 1));
      servers[0]->tell(Command("CLUSTER", "MEET", "127.0.0.1", servers[i]->port(), bus_[i]));
    }
    for (std::size_t i = 0; i < kMasters; ++i) {
      const std::size_t first = i * kHashSlots / kMasters;
      const std::size_t end = (i + 1) * kHashSlots / kMasters;
      servers[i]->tell(Command("CLUSTER", "ADDSLOTSRANGE", first, end - 1));
    }
    const auto all_say = [this](const Command& command, std::string_view line) {
      await(line, [&] {
        return std::ranges::all_of(servers,
                                   [&](const auto& server) { return server->says(command, line); });
      });
    };
    all_say(Command("CLUSTER", "INFO"), "cluster_known_nodes:6");
    for (std::size_t i = 0; i < kMasters; ++i) {
      servers[kMasters + i]->tell(Command("CLUSTER", "REPLICATE", id_of(*servers[i])));
    }
    all_say(Command("CLUSTER", "INFO"), "cluster_state:ok");
    all_say(Command("CLUSTER", "INFO"), "cluster_size:3");
    for (std::size_t i = kMasters; i < servers.size(); ++i) {
      await("replicas follow", [&] {
        return servers[i]->says(Command("INFO", "replication"), "master_link_status:up");
      });
    }
    for (const auto& server : servers) {
      await("all know the replicas", [&] {
        const std::string nodes = server->ask(Command("CLUSTER", "NODES")).text;
        std::size_t replicas = 0;
        for (auto at = nodes.find("slave"); at != nodes.npos; at = nodes.find("slave", at + 1)) {
          ++replicas;
        }
        return replicas == kMasters;
      });
    }
  }

  std::string url() const {
    return "redis+cluster://" + servers[0]->address() + "," + servers[1]->address() + "," +
           servers[2]->address();
  }
  static std::string id_of(const TcpServer& server) {
    return server.tell(Command("CLUSTER", "MYID")).text;
  }
  // The server that has the slot, as one that runs says; null when that is nobody.
  TcpServer* owner_of(std::uint16_t slot) const {
    for (const auto& asked : servers) {
      if (!asked->runs()) continue;
      for (const Reply& range : asked->ask(Command("CLUSTER", "SLOTS")).elements) {
        if (slot < range.elements[0].integer || slot > range.elements[1].integer) continue;
        for (const auto& server : servers) {
          if (server->port() == range.elements[2].elements[1].integer) return server.get();
        }
      }
      return nullptr;
    }
    return nullptr;
  }

  // Moves a slot with all its keys, one by one, as redis-cli does. `between` is called while it is
  // on its way, with half of the keys moved.
  void move_slot(
      std::uint16_t slot, TcpServer& to, const std::function<void()>& between = [] {}) const {
    TcpServer& from = *owner_of(slot);
    to.tell(Command("CLUSTER", "SETSLOT", slot, "IMPORTING", id_of(from)));
    from.tell(Command("CLUSTER", "SETSLOT", slot, "MIGRATING", id_of(to)));
    const Replies keys = from.tell(Command("CLUSTER", "GETKEYSINSLOT", slot, 1'000'000)).elements;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (i == keys.size() / 2) between();
      from.tell(Command("MIGRATE", "127.0.0.1", to.port(), keys[i].text, 0, 5'000));
    }
    if (keys.empty()) between();
    for (TcpServer* const server : {&to, &from}) {
      server->tell(Command("CLUSTER", "SETSLOT", slot, "NODE", id_of(to)));
    }
    await("all know of it", [&] {
      return std::ranges::all_of(servers, [&](const auto& server) {
        return !server->runs() || server->ask(Command("CLUSTER", "NODES")).text.empty() ||
               knows(*server, slot, to);
      });
    });
  }

  std::vector<std::unique_ptr<TcpServer>> servers;

 private:
  static bool knows(const TcpServer& server, std::uint16_t slot, const TcpServer& owner) {
    for (const Reply& range : server.ask(Command("CLUSTER", "SLOTS")).elements) {
      if (slot < range.elements[0].integer || slot > range.elements[1].integer) continue;
      return range.elements[2].elements[1].integer == owner.port();
    }
    return false;
  }

  std::vector<std::uint16_t> bus_;
};

} // namespace raglan::redis
