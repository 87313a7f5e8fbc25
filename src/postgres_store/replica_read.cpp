#include "postgres_store/replica_read.h"

#include "net/together.h"

namespace raglan::postgres_store {
namespace {

using postgres::Session;
using postgres::Statement;

RepeatReason reason_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::kUnavailable: return RepeatReason::kUnreachable;
    case ErrorCode::kOverloaded: return RepeatReason::kConflict;
    case ErrorCode::kDeadlineExceeded: return RepeatReason::kSlow;
    default: return RepeatReason::kRefused;
  }
}

// What the replica's first round trip came to.
struct Opening {
  std::optional<Session> session;
  std::optional<DoubtfulSnapshot> snapshot;
  std::optional<RepeatReason> failed;
};

net::Task<Result<>> open_on(postgres::Client& client, const store::CollectionKey& key,
                            std::vector<Statement> further, Deadline deadline, Opening& opening) {
  auto session = co_await client.begin(deadline);
  if (!session) {
    const bool full = session.error().code == ErrorCode::kOverloaded;
    opening.failed = full ? RepeatReason::kNoPlace : reason_of(session.error());
    co_return forward_error(session);
  }
  opening.session.emplace(std::move(*session));
  auto snapshot = co_await open_doubtful(*opening.session, key, std::move(further), deadline);
  if (!snapshot) {
    opening.failed = reason_of(snapshot.error());
    co_return forward_error(snapshot);
  }
  opening.snapshot = std::move(*snapshot);
  co_return Result<>();
}

net::Task<Result<>> ask(const std::function<net::Task<Result<store::Generation>>()>& ask_primary,
                        std::optional<store::Generation>& answer) {
  auto generation = co_await ask_primary();
  if (!generation) co_return forward_error(generation);
  answer = *generation;
  co_return Result<>();
}

// Whether all that `generation` says is in the snapshot, whose history it shares.
bool has(const store::Generation& seen, const store::Generation& wanted) {
  return seen.seq > wanted.seq || (seen.seq == wanted.seq && seen.nonce == wanted.nonce);
}

} // namespace

net::Task<Result<std::optional<FreshSnapshot>>> open_fresh(
    Replicas::Turn& turn, const store::CollectionKey& key, std::optional<store::Generation> known,
    const std::function<net::Task<Result<store::Generation>>()>& ask_primary, std::uint64_t epoch,
    std::vector<Statement> further, Deadline deadline) {
  const Deadline until = turn.until(deadline);
  Opening opening;
  std::vector<net::Task<Result<>>> tasks;
  tasks.push_back(open_on(turn.client(), key, std::move(further), until, opening));
  if (!known) tasks.push_back(ask(ask_primary, known));
  auto done = co_await net::together(std::move(tasks));
  const auto give_up = [&]() -> net::Task<void> {
    if (opening.session) co_await opening.session->roll_back(turn.until(deadline));
  };
  for (Result<>& each : done) {
    if (!each && each.error().code == ErrorCode::kClientClosed) co_return forward_error(each);
  }
  if (!done.back() && done.size() > 1) {
    co_await give_up();
    if (done.back().error().code == ErrorCode::kNotFound) co_return std::nullopt;
    co_return forward_error(done.back());
  }
  if (opening.failed) {
    turn.repeated(*opening.failed);
    co_return std::nullopt;
  }
  DoubtfulSnapshot& found = *opening.snapshot;
  if (!found.replicates || found.epoch != epoch) {
    turn.foreign(found.replicates);
    co_await give_up();
    co_return std::nullopt;
  }
  if (!found.found || !has(found.snapshot.collection.stats.generation, *known)) {
    turn.repeated(RepeatReason::kBehind);
    co_await give_up();
    co_return std::nullopt;
  }
  // From now on: a primary that took long is not the replica's fault.
  co_return FreshSnapshot{std::move(*opening.session), std::move(found.snapshot),
                          turn.until(deadline)};
}

bool settles(const Error& error, const Session& session, Replicas::Turn& turn) {
  if (!session.failed()) return true;
  switch (error.code) {
    case ErrorCode::kNotFound:     // it is not there
    case ErrorCode::kInvalidField: // the request's own fault
    case ErrorCode::kConflict:
    case ErrorCode::kClientClosed: return true;
    default: turn.repeated(reason_of(error)); return false;
  }
}

} // namespace raglan::postgres_store
