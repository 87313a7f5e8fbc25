// The pools of one event loop, one for each server. Internal to redis/; client.h says what it all
// does.
//
// Thread safety: belongs to its loop.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "redis/connection_pool.h"
#include "redis/topology.h"

namespace raglan::redis {

class LoopPools {
 public:
  // The loop of that index, of so many. `on_full`: one of its pools needs a connection, and there
  // are as many as there may be.
  LoopPools(std::shared_ptr<ClientShared> shared, const Stream::Executor& executor,
            std::size_t loop, std::size_t loops, std::function<void()> on_full)
      : shared_(std::move(shared)),
        executor_(executor),
        loop_(loop),
        loops_(loops),
        on_full_(std::move(on_full)) {}

  // As ConnectionPool::submit, to the pool of that server.
  void submit(const ServerPtr& server, const RequestPtr& request);
  // Adapts to the present topology: the bounds of all pools, and those that nobody needs are gone.
  void adapt();
  // Closes what is idle beyond a pool's bound, and all that is idle of servers that the topology
  // does not have: they share one bound (Topology::share_of).
  void make_room();
  // Closes everything, and ends every request with kUnavailable.
  void abort();

 private:
  void limit(ConnectionPool& pool, const Topology& topology) const;

  const std::shared_ptr<ClientShared> shared_;
  const Stream::Executor executor_;
  const std::size_t loop_;
  const std::size_t loops_;
  const std::function<void()> on_full_;
  std::map<const Server*, std::shared_ptr<ConnectionPool>> pools_;
};

} // namespace raglan::redis
