// The second tier of a cache: Redis, which all nodes share.
//
// Never an error: whatever is wrong with Redis (down, frozen, slow, full, garbage) is a miss,
// within the client's time limit, and nothing at all while its breaker is open. Entries expire
// there by themselves, `keep` after they were stored, and how old one is follows from how long it
// still has there (PTTL, in the same round trip): by Redis' clock alone, so that nodes whose clocks
// differ agree on it. Only of entries that are kept for ever the nodes' own clocks say it.
//
// One node computes. Whoever misses may claim the key in the same round trip: one caller of all
// nodes gets the claim and computes, the others look again a little later (find_or_claim). A claim
// is a lease (redis/lease.h), renewed for as long as somebody holds it (keep_claimed). It ends when
// it is released, with the value or without, or `claim_time` after the last renewal, so that a node
// that dies costs the others no more than that. It is a courtesy, not a lock: after a partition two
// nodes may compute the same, and the later value stays.
//
// A look that was cut off (cancelled, late, the connection broke) may have made its claim, and
// nobody would know: whoever looked holds it as if it had (`may_be_claimed`). A release that is not
// answered is sent once more, kReleaseAgain later, by at most kMaxReleasesLater at a time.
//
// Background work (a warm-up, a refresh) has claims of its own. It is done behind everything else,
// so that whoever waits for an answer must not wait for it, and rather computes the same.
//
// What is cheap to compute and asked for by the dozen, vectors, has no claims, and is looked for
// and stored in batches, a round trip for kKeysAtOnce of them (find_many, put_many).
//
//   raglan:NAME:SCOPE:{KEY}                     the entry             (scope and key in hex)
//   raglan:claim:NAME:SCOPE:{KEY}               the token of whoever computes it
//   raglan:claim:NAME:SCOPE:{KEY}:background    the same, with nobody who waits
//
// with the setting redis.key_prefix for "raglan:". The braces make the key the hash tag, by which a
// cluster has an entry and its claims on one server (redis/hash_slot.h).
//
// Thread safety: any of the client's event loops, concurrently. The client must outlive it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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
  Duration age{};                   // of the entry
  Claim claim = Claim::kNobodys;
  bool may_be_claimed = false; // that token may have the claim, which is to be released then
  bool answered = false;       // by Redis: that there is an entry, or none
};

struct SharedTierStats {
  std::uint64_t hits = 0;     // looks that found what was wanted, however often they asked
  std::uint64_t misses = 0;   // looks that did not; neither, when Redis did not answer
  std::uint64_t failures = 0; // of Redis, to look, to store or to release; not of who went away
  std::uint64_t refused = 0;  // entries larger than a command may be: not stored
  std::uint64_t refused_bytes = 0;
  // What the hits had cost to compute, and how old they were, together.
  Duration saved{};
  std::uint64_t saved_calls = 0;
  Duration age{};
};

class SharedTier {
 public:
  struct Config {
    std::string name; // of the cache: "query"
    Duration keep{};  // zero: for ever, as far as Redis' own memory limit allows
    std::chrono::milliseconds claim_time{3'000}; // renewed three times in it
  };
  static constexpr std::chrono::milliseconds kReleaseAgain{500};
  static constexpr std::size_t kMaxReleasesLater = 256;
  static constexpr std::size_t kKeysAtOnce = 32; // two commands each: half of redis.max_pipelined

  SharedTier(redis::Client& client, Config config) : client_(client), config_(std::move(config)) {}

  // Of a claim; it says which of the two it is for.
  static std::string make_token(bool background);

  net::Task<SharedLookup> find(Hash128 key, std::uint64_t scope, Deadline deadline);
  net::Task<SharedLookup> find_or_claim(Hash128 key, std::uint64_t scope, std::string token,
                                        Deadline deadline);
  // Stores the entry and then releases the claim of that token, if it is not empty, in one round
  // trip. An entry that is too large for Redis is not stored, and the claim is released all the
  // same.
  net::Task<void> put_and_release(Hash128 key, std::uint64_t scope, SharedEntry entry,
                                  std::string token);
  // Of one scope; as many as keys, in their order. After a round trip that fails there is no other.
  net::Task<std::vector<SharedLookup>> find_many(std::vector<Hash128> keys, std::uint64_t scope,
                                                 Deadline deadline);
  struct Put {
    Hash128 key;
    SharedEntry entry;
  };
  net::Task<void> put_many(std::uint64_t scope, std::vector<Put> puts);
  net::Task<void> release(Hash128 key, std::uint64_t scope, std::string token);
  // Renews that token's claim until `holder` is no more, or the claim is another's.
  net::Task<void> keep_claimed(Hash128 key, std::uint64_t scope, std::string token,
                               std::weak_ptr<const void> holder);
  // Counts a look, once, if Redis answered it: whether it found what was wanted.
  void count(const SharedLookup& looked, bool found);

  // Removes entries, and tells all nodes (cache/purge_message.h): how many there were. They are
  // told before it begins, so that none keeps what it has begun to compute under a name that the
  // walk has passed, and when it is done, for what was found there meanwhile. Walks over all of
  // Redis' keys: for operators. Errors are the client's; after one it may be that nobody was told.
  net::Task<Result<std::size_t>> purge(Selection selection, Deadline deadline);

  SharedTierStats stats() const;

 private:
  std::string entry_name(const Hash128& key, std::uint64_t scope) const;
  // A pattern of the names of those that are selected.
  std::string entry_names(const Selection& selection) const;
  std::string claim_name(const Hash128& key, std::uint64_t scope, std::string_view token) const;
  redis::Command put_command(const Hash128& key, std::uint64_t scope, SharedEntry entry);
  // False: it failed.
  net::Task<bool> put_some(std::uint64_t scope, std::span<Put> puts);
  void read(const Hash128& key, const redis::Reply& left, const redis::Reply& value,
            SharedLookup& into) const;
  // Counts it when it is Redis' and not the caller's, whose own deadline that was.
  void note_failure(const Error& error, Deadline deadline);
  // False: it is not known whether it stands.
  net::Task<bool> try_release(std::string claim, std::string token);
  net::Task<void> release_later(std::string claim, std::string token);

  net::Task<Result<>> tell(Selection selection, Deadline deadline);

  redis::Client& client_;
  const Config config_;
  std::atomic<std::uint64_t> hits_ = 0;
  std::atomic<std::uint64_t> misses_ = 0;
  std::atomic<std::uint64_t> failures_ = 0;
  std::atomic<std::uint64_t> refused_ = 0;
  std::atomic<std::uint64_t> refused_bytes_ = 0;
  std::atomic<Duration::rep> saved_ = 0;
  std::atomic<std::uint64_t> saved_calls_ = 0;
  std::atomic<Duration::rep> age_ = 0;
  std::atomic<std::size_t> releases_later_ = 0; // that wait
};

} // namespace raglan::cache
