// The conversations of all tenants: kept in the store's records, or in a token that the client
// keeps.
//
//   auto session = co_await sessions.begin(tenant, SessionKeeping::kStore, deadline);
//   auto opened = co_await sessions.open(tenant, session->id, deadline);      // on any node
//   auto id = co_await sessions.keep(std::move(*opened), turn, deadline);     // for the next turn
//
// In the store a session has one id for its whole life. Of two turns that end at once both are
// kept, in the order in which they ended. A token holds the whole conversation, signed and not
// encrypted; each turn makes a new one, and nothing is kept here, so that an old one continues from
// where it was made. It is bound to its tenant and signed with a key that all nodes of a store
// share: the first that needs it makes it, as a record.
//
// Whoever is of the tenant and knows the id, of which 74 bits are random, may read and continue a
// session: nothing lists them. A session ends `ttl` after its last turn.
//
// Errors: those of store/records.h, and kNotFound for whatever is no session of the tenant's: never
// made, ended, another's, forged. Thread safety: any event loop, concurrently.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/guarded.h"
#include "config/table.h"
#include "node/session.h"
#include "store/records.h"

namespace raglan::node {

struct SessionsConfig {
  std::chrono::milliseconds ttl = std::chrono::hours(24);
  std::size_t max_turns = 50;
};
void describe(config::Table<SessionsConfig>& table);

enum class SessionKeeping : std::uint8_t { kStore, kToken };

struct OpenSession {
  std::string tenant;
  std::string id; // or the token
  SessionKeeping keeping = SessionKeeping::kStore;
  WallTime expires_at;
  Session session;
  std::uint64_t version = 0; // of the record
};

class Sessions {
 public:
  static constexpr std::size_t kMaxRecordBytes = 48 << 10;
  static constexpr std::size_t kMaxTokenJsonBytes = 12 << 10;
  static constexpr std::size_t kMaxIdBytes = 20'000; // of a token, which is a third longer

  Sessions(SessionsConfig config, store::Records& records, const Clock& clock)
      : config_(config), records_(records), clock_(clock) {}

  net::Task<Result<OpenSession>> begin(std::string tenant, SessionKeeping keeping,
                                       Deadline deadline);
  net::Task<Result<OpenSession>> open(std::string tenant, std::string id, Deadline deadline);
  // The session with one turn more. kNotFound when it was ended meanwhile: it stays ended.
  net::Task<Result<OpenSession>> keep(OpenSession session, Turn turn, Deadline deadline);
  // kNotFound; of a token, which nobody but its holder can destroy, too.
  net::Task<Result<>> end(std::string tenant, std::string id, Deadline deadline);
  // Turns that were answered and could not be kept.
  std::uint64_t lost_turns() const { return lost_turns_; }

 private:
  using Key = std::shared_ptr<const std::string>;

  SessionLimits limits(SessionKeeping keeping) const;
  net::Task<Result<OpenSession>> read(std::string tenant, std::string id, Deadline deadline);
  net::Task<Result<OpenSession>> keep_in_store(OpenSession session, Turn turn, Deadline deadline);
  net::Task<Result<OpenSession>> sign(OpenSession session, Deadline deadline);
  // That tokens are signed with.
  net::Task<Result<Key>> signing_key(Deadline deadline);

  const SessionsConfig config_;
  store::Records& records_;
  const Clock& clock_;
  Guarded<Key> key_; // once it was read
  std::atomic<std::uint64_t> lost_turns_ = 0;
};

} // namespace raglan::node
