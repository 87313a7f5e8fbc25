// The second tier of a cache: Redis, which all nodes share.
//
// Never an error: whatever is wrong with Redis (down, frozen, slow, full, garbage) is a miss,
// within the client's time limit, and nothing at all while its breaker is open. Entries expire
// there by themselves, `keep` after they were stored.
//
// One node computes. Whoever misses may claim the key in the same round trip: one caller of all
// nodes gets the claim and computes, the others look again a little later (find_or_claim). A claim
// ends when it is released, with the value or without, or `claim_time` after it was made, so that a
// node that dies costs the others no more than that. It is a courtesy, not a lock: after a
// partition or a slow computation two nodes may compute the same, and the later value stays.
//
//   raglan:NAME:SCOPE:KEY          the entry             (all in hex)
//   raglan:claim:NAME:SCOPE:KEY    the token of whoever computes it
//
// Thread safety: any of the client's event loops, concurrently. The client must outlive it.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/deadline.h"
#include "cache/selection.h"
#include "cache/shared_entry.h"
#include "net/task.h"
#include "redis/client.h"

namespace raglan::cache {

// What became of a look at Redis.
struct SharedLookup {
  enum class Claim : std::uint8_t {
    kMine,    // this caller is to compute it
    kOthers,  // somebody is computing it
    kNobodys, // Redis could not say: everybody for themselves
  };
  std::optional<SharedEntry> entry; // whoever does not want it, because it is old, has the claim
  Claim claim = Claim::kNobodys;
};

struct SharedTierStats {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t failures = 0; // of Redis, to look or to store
};

class SharedTier {
 public:
  struct Config {
    std::string name; // of the cache: "query"
    Duration keep{};  // zero: for ever, as far as Redis' own memory limit allows
    Duration claim_time = std::chrono::seconds(15);
  };

  SharedTier(redis::Client& client, Config config) : client_(client), config_(std::move(config)) {}

  net::Task<std::optional<SharedEntry>> find(Hash128 key, std::uint64_t scope, Deadline deadline);
  net::Task<SharedLookup> find_or_claim(Hash128 key, std::uint64_t scope, std::string token,
                                        Deadline deadline);
  // Stores the entry, where there is one, and then releases the claim of that token, if it is not
  // empty. One round trip.
  net::Task<void> put_and_release(Hash128 key, std::uint64_t scope,
                                  std::optional<SharedEntry> entry, std::string token);

  // Removes entries, and tells all nodes (cache/purge_message.h): how many there were. Walks over
  // all of Redis' keys: for operators. Errors are the client's.
  net::Task<Result<std::size_t>> purge(Selection selection, Deadline deadline);

  SharedTierStats stats() const { return {hits_, misses_, failures_}; }

 private:
  std::string entry_name(const Hash128& key, std::uint64_t scope) const;
  std::string claim_name(const Hash128& key, std::uint64_t scope) const;
  std::optional<SharedEntry> read(const Hash128& key, const redis::Reply& reply);

  redis::Client& client_;
  const Config config_;
  std::atomic<std::uint64_t> hits_ = 0;
  std::atomic<std::uint64_t> misses_ = 0;
  std::atomic<std::uint64_t> failures_ = 0;
};

} // namespace raglan::cache
