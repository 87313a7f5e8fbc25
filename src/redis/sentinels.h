// Asks Redis Sentinels which server is the master.
//
// The algorithm is that of Redis' "Guidelines for Redis clients with support for Sentinel": one
// sentinel after the other is asked (SENTINEL get-master-addr-by-name), and the server that it
// names must say itself that it is a master (ROLE): a sentinel that was cut off names one that no
// longer is, or is no more. Then the next one is asked. The sentinel that answered is asked first
// next time.
//
// But a master that was cut off together with a sentinel says that it is one, too. So now and then
// all sentinels are asked at the same time (SENTINEL MASTER), and the one that knows the latest
// failover, by the epoch that the sentinels gave it, is believed, and is asked first from then on.
//
// Thread safety: belongs to its loop; one search at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "redis/inquiry.h"
#include "redis/slot_map.h"

namespace raglan::redis {

// The server that a sentinel's reply names. Errors: kUnavailable, when it knows no master of that
// name or refuses to say; kUpstream, when that is no answer.
Result<HostPort> parse_master(const Reply& reply);

// What a sentinel says of it to SENTINEL MASTER. Errors: the same.
struct SentinelOpinion {
  HostPort master;
  std::uint64_t epoch = 0; // grows with each failover
};
Result<SentinelOpinion> parse_opinion(const Reply& reply);

class Sentinels {
 public:
  explicit Sentinels(const ClientShared& shared);

  // The master. Errors: kUnavailable and others, of the last that was asked.
  net::Task<Result<HostPort>> find(Inquiry& inquiry);
  // As `find`, by all sentinels that answer.
  net::Task<Result<HostPort>> find_latest(Inquiry& inquiry);

 private:
  // Whether the server says so itself. Errors: with its name.
  net::Task<Result<>> check_master(Inquiry& inquiry, const HostPort& master) const;
  void ask_first(std::size_t sentinel);

  const ClientShared& shared_;
  std::vector<Address> sentinels_; // in the order in which they are asked
};

} // namespace raglan::redis
