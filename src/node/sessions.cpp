#include "node/sessions.h"

#include <utility>

#include "auth/base64url.h"
#include "auth/random_bytes.h"
#include "base/ids.h"
#include "base/rng.h"
#include "net/pause.h"
#include "node/session_token.h"
#include "policy/backoff.h"

namespace raglan::node {
namespace {

constexpr std::string_view kKind = "session";
// Between two tries to add a turn, beside others that do, until the deadline.
constexpr policy::BackoffConfig kRetries{.base_backoff = std::chrono::milliseconds(5),
                                         .max_backoff = std::chrono::milliseconds(200)};

store::RecordKey record_key(const std::string& tenant, const std::string& id) {
  return {.kind = std::string(kKind), .tenant = tenant, .id = id};
}

// Of no tenant.
store::RecordKey signing_key_record() {
  return {.kind = "session_signing_key", .tenant = "-", .id = "1"};
}

std::unexpected<Error> no_session() { return fail(ErrorCode::kNotFound, "no such session"); }

Result<OpenSession> parse_record(store::Record record) {
  auto session = parse_session(record.value);
  if (!session) return fail(ErrorCode::kCorrupt, "a session is damaged");
  return OpenSession{.tenant = std::move(record.key.tenant),
                     .id = std::move(record.key.id),
                     .keeping = SessionKeeping::kStore,
                     .expires_at = record.expires,
                     .session = std::move(*session),
                     .version = record.version};
}

store::RecordWrite record_write(const OpenSession& session) {
  return {.key = record_key(session.tenant, session.id),
          .value = session_json(session.session),
          .expires = session.expires_at,
          .expected = session.version};
}

} // namespace

void describe(config::Table<SessionsConfig>& table) {
  table.field("ttl", &SessionsConfig::ttl, "how long after its last turn a conversation ends")
      .min(std::chrono::minutes(1))
      .max(std::chrono::hours(365 * 24));
  table
      .field("max_turns", &SessionsConfig::max_turns,
             "questions of a conversation that are kept, the latest, as far as 48 KiB hold them")
      .min(1)
      .max(1'000);
}

SessionLimits Sessions::limits(SessionKeeping keeping) const {
  const bool in_store = keeping == SessionKeeping::kStore;
  return {.turns = config_.max_turns, .bytes = in_store ? kMaxRecordBytes : kMaxTokenJsonBytes};
}

net::Task<Result<OpenSession>> Sessions::begin(std::string tenant, SessionKeeping keeping,
                                               Deadline deadline) {
  const WallTime now = clock_.wall_now();
  OpenSession session{.tenant = std::move(tenant),
                      .id = make_uuid7(now),
                      .keeping = keeping,
                      .expires_at = now + config_.ttl,
                      .session = {.created_at = now}};
  if (keeping == SessionKeeping::kToken) co_return co_await sign(std::move(session), deadline);
  auto written = co_await records_.write(record_write(session), deadline);
  if (!written) co_return forward_error(written);
  session.version = *written;
  co_return session;
}

net::Task<Result<OpenSession>> Sessions::open(std::string tenant, std::string id,
                                              Deadline deadline) {
  if (!is_session_token(id)) co_return co_await read(std::move(tenant), std::move(id), deadline);
  auto key = co_await signing_key(deadline);
  if (!key) co_return forward_error(key);
  auto claims = read_session_token(id, **key);
  const bool valid = claims && claims->tenant == tenant && clock_.wall_now() < claims->expires_at;
  if (!valid) co_return no_session();
  co_return OpenSession{.tenant = std::move(tenant),
                        .id = std::move(id),
                        .keeping = SessionKeeping::kToken,
                        .expires_at = claims->expires_at,
                        .session = std::move(claims->session)};
}

net::Task<Result<OpenSession>> Sessions::read(std::string tenant, std::string id,
                                              Deadline deadline) {
  auto record = co_await records_.read(record_key(tenant, id), deadline);
  if (!record) co_return forward_error(record);
  if (!*record) co_return no_session();
  co_return parse_record(std::move(**record));
}

net::Task<Result<OpenSession>> Sessions::keep(OpenSession session, Turn turn, Deadline deadline) {
  Result<OpenSession> kept = fail(ErrorCode::kInternal, "");
  if (session.keeping == SessionKeeping::kStore) {
    kept = co_await keep_in_store(std::move(session), std::move(turn), deadline);
  } else {
    add_turn(session.session, std::move(turn), limits(SessionKeeping::kToken));
    session.expires_at = clock_.wall_now() + config_.ttl;
    kept = co_await sign(std::move(session), deadline);
  }
  if (!kept) ++lost_turns_;
  co_return kept;
}

net::Task<Result<OpenSession>> Sessions::keep_in_store(OpenSession session, Turn turn,
                                                       Deadline deadline) {
  Rng rng(random_seed());
  policy::Backoff backoff(kRetries);
  while (true) {
    add_turn(session.session, turn, limits(SessionKeeping::kStore));
    session.expires_at = clock_.wall_now() + config_.ttl;
    auto written = co_await records_.write(record_write(session), deadline);
    if (written) {
      session.version = *written;
      co_return session;
    }
    const bool again =
        written.error().code == ErrorCode::kConflict && !deadline.expired(clock_.now());
    if (!again) co_return forward_error(written);
    if (auto ok = co_await net::pause(backoff.next(rng)); !ok) co_return forward_error(ok);
    auto changed = co_await read(session.tenant, session.id, deadline);
    if (!changed) co_return forward_error(changed);
    session = std::move(*changed);
  }
}

net::Task<Result<>> Sessions::end(std::string tenant, std::string id, Deadline deadline) {
  auto erased = co_await records_.erase(record_key(tenant, id), std::nullopt, deadline);
  if (!erased) co_return forward_error(erased);
  if (!*erased) co_return no_session();
  co_return Result<>();
}

net::Task<Result<OpenSession>> Sessions::sign(OpenSession session, Deadline deadline) {
  auto key = co_await signing_key(deadline);
  if (!key) co_return forward_error(key);
  session.id = sign_session({session.tenant, session.expires_at, session.session}, **key);
  co_return session;
}

net::Task<Result<Sessions::Key>> Sessions::signing_key(Deadline deadline) {
  if (Key known = key_.with([](const Key& key) { return key; })) co_return known;
  auto record = co_await records_.read(signing_key_record(), deadline);
  if (!record) co_return forward_error(record);
  if (!*record) {
    auto made = auth::random_bytes(kSigningKeyBytes);
    if (!made) co_return forward_error(made);
    store::RecordWrite write{
        .key = signing_key_record(), .value = auth::base64url_encode(*made), .expected = 0};
    auto written = co_await records_.write(std::move(write), deadline);
    const bool settled = written || written.error().code == ErrorCode::kConflict;
    if (!settled) co_return forward_error(written);
    record = co_await records_.read(signing_key_record(), deadline); // perhaps another node's
    if (!record) co_return forward_error(record);
  }
  const auto bytes = *record ? auth::base64url_decode((*record)->value) : std::nullopt;
  if (!bytes || bytes->size() != kSigningKeyBytes) {
    co_return fail(ErrorCode::kCorrupt, "the key that signs sessions is damaged");
  }
  auto key = std::make_shared<const std::string>(*bytes);
  key_.with([&](Key& known) { known = key; });
  co_return Key(key);
}

} // namespace raglan::node
