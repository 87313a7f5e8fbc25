// Where Redis is, as it was found out: the servers that commands go to and, in a cluster, whose
// each slot is. What the client makes of it is a topology (topology.h).
//
// Pure values.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "redis/slot_map.h"

namespace raglan::redis {

struct Whereabouts {
  explicit Whereabouts(HostPort master) : masters{std::move(master)} {}
  explicit Whereabouts(SlotMap map)
      : masters(std::move(map.masters)), owners(std::move(map.owners)) {}

  std::vector<HostPort> masters;     // at least one
  std::vector<std::uint16_t> owners; // as in SlotMap; empty: no cluster
};

} // namespace raglan::redis
