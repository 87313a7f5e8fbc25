// A master, two replicas and three sentinels, which the test starts and ends.
#pragma once

#include <memory>

#include "tcp_server.h"

namespace raglan::redis {

class SentinelDeployment {
 public:
  explicit SentinelDeployment(const std::string& sentinel_password = "") {
    for (int i = 0; i < 3; ++i) {
      std::vector<std::string> lines;
      if (i > 0) lines.push_back("replicaof 127.0.0.1 " + std::to_string(servers[0]->port()));
      servers.push_back(std::make_unique<TcpServer>(lines));
    }
    // Sentinels look for replicas when they begin, and then every ten seconds.
    await("both replicas are connected", [this] {
      return servers[0]->says(Command("INFO", "replication"), "connected_slaves:2") &&
             servers[1]->says(Command("INFO", "replication"), "master_link_status:up") &&
             servers[2]->says(Command("INFO", "replication"), "master_link_status:up");
    });
    for (int i = 0; i < 3; ++i) {
      std::vector<std::string> lines = {
          "sentinel monitor mymaster 127.0.0.1 " + std::to_string(servers[0]->port()) + " 2",
          "sentinel down-after-milliseconds mymaster 1000",
          "sentinel failover-timeout mymaster 5000"};
      if (!sentinel_password.empty()) {
        lines.push_back("requirepass " + sentinel_password);
        lines.push_back("sentinel sentinel-pass " + sentinel_password);
      }
      sentinels.push_back(std::make_unique<TcpServer>(lines, true));
    }
    if (!sentinel_password.empty()) return; // who asks would have to log in
    for (const auto& sentinel : sentinels) {
      await("the sentinels know each other", [&] {
        const Reply info = sentinel->ask(Command("INFO", "sentinel"));
        return info.text.contains("slaves=2,sentinels=3");
      });
    }
  }

  std::string url(const std::string& login = "", const std::string& before = "") const {
    std::string hosts = before;
    for (const auto& sentinel : sentinels) {
      hosts += (hosts.empty() ? "" : ",") + sentinel->address();
    }
    return "redis+sentinel://" + login + hosts + "/mymaster";
  }
  // The server that the first sentinel says is the master.
  TcpServer* master() const {
    const Reply reply =
        sentinels[0]->ask(Command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"));
    for (const auto& server : servers) {
      if (reply.elements.size() == 2 && reply.elements[1].text == std::to_string(server->port())) {
        return server.get();
      }
    }
    return nullptr;
  }

  std::vector<std::unique_ptr<TcpServer>> servers;
  std::vector<std::unique_ptr<TcpServer>> sentinels;
};

} // namespace raglan::redis
