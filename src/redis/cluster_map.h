// Asks the servers of a Redis Cluster which of them has which slots.
//
// Those that are known are asked first, each time another one, so that all of them take turns and
// one that hangs costs one search in so many; then those that the URL names. The first map counts:
// all servers agree on it but for moments, and what is out of date in it is redirected (MOVED).
//
// Thread safety: belongs to its loop; one search at a time.
#pragma once

#include <vector>

#include "redis/inquiry.h"
#include "redis/slot_map.h"

namespace raglan::redis {

class ClusterMap {
 public:
  explicit ClusterMap(const ClientShared& shared) : shared_(shared) {}

  // Errors: of the last that was asked.
  net::Task<Result<SlotMap>> find(Inquiry& inquiry);

 private:
  std::vector<Address> candidates();

  const ClientShared& shared_;
  std::size_t turn_ = 0;
};

} // namespace raglan::redis
