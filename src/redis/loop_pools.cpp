#include "redis/loop_pools.h"

#include "redis/connection_share.h"

namespace raglan::redis {

void LoopPools::submit(const ServerPtr& server, const RequestPtr& request) {
  auto& pool = pools_[server.get()];
  if (pool == nullptr) {
    pool = std::make_shared<ConnectionPool>(shared_, server, executor_, on_full_);
    limit(*pool, *shared_->servers.topology());
  }
  const auto kept = pool; // it must not go while it is at work
  kept->submit(request);
}

void LoopPools::adapt() {
  if (shared_->closed) return;
  const TopologyPtr topology = shared_->servers.topology();
  for (const auto& [server, pool] : pools_) limit(*pool, *topology);
  std::erase_if(pools_, [](const auto& each) {
    return !each.second->server().listed && each.second->empty();
  });
}

void LoopPools::make_room() {
  if (shared_->closed) return;
  const TopologyPtr topology = shared_->servers.topology();
  for (const auto& [server, pool] : pools_) {
    limit(*pool, *topology);
    if (!topology->has(*server)) pool->close_idle();
  }
}

void LoopPools::abort() {
  for (const auto& [server, pool] : pools_) pool->abort();
}

void LoopPools::limit(ConnectionPool& pool, const Topology& topology) const {
  const auto share = connection_share(topology.share_of(pool.server()), topology.shares(),
                                      shared_->config.max_connections, loops_);
  pool.limit(share.on(loop_));
}

} // namespace raglan::redis
