// A snapshot of a collection: a transaction whose statements all see the same, and its first round
// trip, which reads the collection's row and whatever is asked with it.
//
//   auto snapshot = co_await open_snapshot(session, key, {select_page(…), Statement("COMMIT")},
//                                          deadline);
//   use(snapshot->collection, snapshot->rows[0]);
//
// Without a COMMIT among them the transaction stays open, for statements that need to know the
// collection first.
//
// Thread safety: that of the session.
#pragma once

#include <vector>

#include "postgres/client.h"
#include "postgres_store/collections.h"

namespace raglan::postgres_store {

struct Snapshot {
  CollectionRow collection;
  std::vector<postgres::Rows> rows; // of each further statement
};

// kNotFound (collection).
net::Task<Result<Snapshot>> open_snapshot(postgres::Session& session,
                                          const store::CollectionKey& key,
                                          std::vector<postgres::Statement> further,
                                          Deadline deadline);

// The same where it is not certain what the server is.
struct DoubtfulSnapshot {
  bool replicates = false; // it was in recovery when the snapshot had been taken
  std::uint64_t epoch = 0; // of the store
  bool found = false;      // the collection is there
  Snapshot snapshot;
};
net::Task<Result<DoubtfulSnapshot>> open_doubtful(postgres::Session& session,
                                                  const store::CollectionKey& key,
                                                  std::vector<postgres::Statement> further,
                                                  Deadline deadline);

} // namespace raglan::postgres_store
