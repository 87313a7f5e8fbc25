// Asks Redis Sentinels which server is the master.
//
// The algorithm is that of Redis' "Guidelines for Redis clients with support for Sentinel": one
// sentinel after the other is asked (SENTINEL get-master-addr-by-name), and the server that it
// names must say itself that it is a master (ROLE): a sentinel that was cut off names one that no
// longer is, or is no more. Then the next one is asked. The sentinel that answered is asked first
// next time.
//
// Thread safety: belongs to its loop; one search at a time.
#pragma once

#include <vector>

#include "redis/inquiry.h"
#include "redis/slot_map.h"

namespace raglan::redis {

// The server that a sentinel's reply names. Errors: kUnavailable, when it knows no master of that
// name or refuses to say; kUpstream, when that is no answer.
Result<HostPort> parse_master(const Reply& reply);

class Sentinels {
 public:
  explicit Sentinels(const ClientShared& shared);

  // The master. Errors: kUnavailable and others, of the last that was asked.
  net::Task<Result<HostPort>> find(Inquiry& inquiry);

 private:
  const ClientShared& shared_;
  std::vector<Address> sentinels_; // in the order in which they are asked
};

} // namespace raglan::redis
