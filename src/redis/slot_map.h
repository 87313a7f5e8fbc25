// Which master of a Redis Cluster has which hash slot: the reply to CLUSTER SLOTS, read.
//
// The reply is an array of ranges: [first, last, [host, port, id, …], replicas…]. The master is the
// first server of each. A host that is nil or empty is that of the server that was asked; one that
// is "?" is not known to the cluster, and its slots are nobody's for now. Masters without slots are
// not in it. CLUSTER SLOTS is what all clusters know (Redis from 3.0 on, Valkey, managed ones);
// CLUSTER SHARDS came with Redis 7 and says no more that matters here.
//
// Pure values.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "redis/hash_slot.h"
#include "redis/reply.h"

namespace raglan::redis {

struct HostPort {
  std::string host; // a name or an address, IPv6 without brackets
  std::uint16_t port = 0;
  auto operator<=>(const HostPort&) const = default;
};

struct SlotMap {
  static constexpr std::uint16_t kNobody = 0xffff;

  std::vector<HostPort> masters;     // each once, sorted
  std::vector<std::uint16_t> owners; // kHashSlots of them: an index into masters, or kNobody
};

// Errors: kUpstream, when that is no reply to CLUSTER SLOTS, or has no slot at all.
Result<SlotMap> parse_slot_map(const Reply& reply, std::string_view asked_host);

} // namespace raglan::redis
