// A lease: for a while, one holder among many nodes, so that work is done once and not by each.
//
//   Result<std::optional<Lease>> lease =
//       co_await Lease::try_acquire(client, key, 2s, deadline);
//   if (lease && *lease) {
//     … the work, done before (*lease)->expires_at() …
//     co_await (*lease)->release(deadline);
//   }
//
// The key is set, if it does not exist, to a random token of 128 bits, with a time to live
// (SET NX PX). Renewing and releasing compare the token in a script first, so whoever has lost the
// lease cannot touch its next holder's.
//
// What it does not guarantee. A lease saves work; it must not be what keeps data right (Kleppmann,
// "How to do distributed locking", 2016):
//   - A holder that is stopped for longer than the time to live goes on as if it still held the
//     lease while another has it. `expires_at` is by this node's clock, counted from before Redis
//     was asked, so it is early and never late, but nothing stops work that passes it. There is no
//     fencing token.
//   - Replication is asynchronous: a replica that takes over may not know of the lease.
//   - Redis that is restarted without its data, or evicts the key, has forgotten it.
//   - Whether a try that ended in an error took the lease is not known: it may be nobody's until
//     it expires. The same holds for a release; and destroying a Lease does not release it.
// Choose the time to live as long as the work may take, and do the work all the same when Redis
// cannot be asked.
//
// Thread safety: a Lease belongs to one coroutine at a time. The client must outlive it.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "redis/client.h"
#include "redis/script.h"

namespace raglan::redis {

class Lease {
 public:
  // Empty when another holds it. Errors: as Client::command.
  static net::Task<Result<std::optional<Lease>>> try_acquire(Client& client, std::string key,
                                                             std::chrono::milliseconds ttl,
                                                             Deadline deadline);

  // Holds it for `ttl` from now. False: it is lost. After an error it stands as long as before.
  net::Task<Result<bool>> renew(std::chrono::milliseconds ttl, Deadline deadline);
  // False: it had been lost before.
  net::Task<Result<bool>> release(Deadline deadline);

  // What leases are made of, for those who take or release one in a round trip with other commands
  // (cache/shared_tier.h): a token that is nobody else's; the command that takes the lease, "+OK"
  // when it did and nil when another holds it; and the scripts that release KEYS[1], or hold it for
  // ARGV[2] milliseconds from now, if ARGV[1] is its token, 1, or else 0.
  static std::string make_token();
  static Command acquire_command(std::string_view key, std::string_view token,
                                 std::chrono::milliseconds ttl);
  static const Script& release_script();
  static const Script& renew_script();

  // From when on another may hold it.
  MonotonicTime expires_at() const { return expires_at_; }

 private:
  Lease(Client& client, std::string key, std::string token, MonotonicTime expires_at)
      : client_(&client), key_(std::move(key)), token_(std::move(token)), expires_at_(expires_at) {}

  Client* client_;
  std::string key_;
  std::string token_;
  MonotonicTime expires_at_;
};

} // namespace raglan::redis
