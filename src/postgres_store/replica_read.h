// One read on a replica, which answers as the primary would, or not at all.
//
// A replica applies the primary's log some time later, so what it has is a past state of the
// database. How old it may be is decided by the collection's generation: a read asks the primary
// for it when it begins, while the replica opens its snapshot, and the snapshot is good when its
// collection has that generation or a later one. Generations ascend in the order of commits, and a
// replica applies whole commits in that order, so such a snapshot has all that was committed when
// the read began. (Raft's ReadIndex, with a generation for the index.) The primary's part is one
// row by its key, however much is read.
//
// A caller that can bear older data gives the generation that it knows; then the primary is not
// asked.
//
// Whatever else comes of it, an error of the replica or one that is behind, is no answer: the read
// is made on the primary.
//
// Thread safety: that of the session; on one event loop.
#pragma once

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "postgres_store/replicas.h"
#include "postgres_store/snapshot.h"

namespace raglan::postgres_store {

template <typename T>
struct ReplicaRead {
  store::CollectionKey key;
  std::optional<store::Generation> known; // that is new enough; empty: `ask_primary`
  std::function<net::Task<Result<store::Generation>>()> ask_primary;
  std::uint64_t epoch = 0;
  std::vector<postgres::Statement> further; // in the snapshot's first round trip
  std::function<net::Task<Result<T>>(postgres::Session&, Snapshot, Deadline)> rest;
};

struct FreshSnapshot {
  postgres::Session session;
  Snapshot snapshot;
  Deadline deadline;
};

// Nothing: the turn knows why. An error is the call's own, and final.
net::Task<Result<std::optional<FreshSnapshot>>> open_fresh(
    Replicas::Turn& turn, const store::CollectionKey& key, std::optional<store::Generation> known,
    const std::function<net::Task<Result<store::Generation>>()>& ask_primary, std::uint64_t epoch,
    std::vector<postgres::Statement> further, Deadline deadline);

// Whether an error in a fresh snapshot would be the same on the primary: the request's, or of this
// node, which has more to do than it can (no statement has failed then). Else the turn is told.
bool settles(const Error& error, const postgres::Session& session, Replicas::Turn& turn);

// Nothing: it is to be read on the primary. `turn` should last until that has answered.
template <typename T>
net::Task<std::optional<Result<T>>> read_on_replica(Replicas::Turn& turn, ReplicaRead<T> read,
                                                    Deadline deadline) {
  auto fresh = co_await open_fresh(turn, read.key, read.known, read.ask_primary, read.epoch,
                                   std::move(read.further), deadline);
  if (!fresh) co_return Result<T>(forward_error(fresh));
  if (!*fresh) co_return std::nullopt;
  FreshSnapshot& opened = **fresh;
  Result<T> done = co_await read.rest(opened.session, std::move(opened.snapshot), opened.deadline);
  if (!done) {
    const bool settled = settles(done.error(), opened.session, turn);
    co_await opened.session.roll_back(opened.deadline);
    if (!settled) co_return std::nullopt;
  }
  turn.served();
  co_return done;
}

} // namespace raglan::postgres_store
