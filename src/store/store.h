// The seam behind which documents, vectors and their indexes are kept: embedded (embedded_store.h,
// through offloaded_store.h) or PostgreSQL (../postgres_store). Exactly the calls that ingest, the
// query pipeline and the HTTP routes need.
//
//   auto found = co_await store.search(std::move(request), choose, deadline);
//
// Every call names a tenant and sees nothing of another one's: what belongs to another tenant is
// kNotFound, the same as what does not exist.
//
// Errors that any call may return, besides those it names: kUnavailable (the store cannot be
// reached), kOverloaded (a bounded queue or pool is full), kDiskFull, kCorrupt, kDraining (the
// store is closing), kDeadlineExceeded, kClientClosed (cancelled). A write that is answered with
// one of the last two, or with kUnavailable, may have been done.
//
// Thread safety: all members from any event loop, concurrently. A store must outlive the loops'
// last coroutine.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "net/task.h"
#include "store/contents.h"
#include "store/records.h"
#include "store/types.h"

namespace raglan::store {

// Of what was found, the chunks whose passages are wanted. Called once for each time that the store
// searches, which may be twice for one call (what a replica began the primary ends); the last
// counts. On any thread, maybe after the caller has gone: it owns what it uses, or uses what
// outlives the loops.
using Choose = std::function<std::vector<std::uint64_t>(const SearchResult&)>;

class Store {
 public:
  virtual ~Store() = default;

  // kConflict when it exists; kInvalidField for a name that breaks the rules (rules.h).
  virtual net::Task<Result<>> create_collection(CollectionKey key, Deadline deadline) = 0;
  // In the order of their names; none for an unknown tenant.
  virtual net::Task<Result<std::vector<CollectionStats>>> list_collections(std::string tenant,
                                                                           Deadline deadline) = 0;
  // kNotFound.
  virtual net::Task<Result<CollectionStats>> collection(CollectionKey key, Deadline deadline) = 0;
  // kNotFound. The collection's documents go with it.
  virtual net::Task<Result<>> delete_collection(CollectionKey key, Deadline deadline) = 0;

  // Writes the documents, each replacing the one with the same id; creates the collection when
  // there is none. Returns when they are durable and the next search finds them: one result per
  // document, in their order. kUnchanged (nothing written) when the stored content hash is equal.
  // Documents succeed and fail alone. Errors of a document: kInvalidField (an id, name, metadata or
  // chunk that breaks a rule of types.h), kConflict (the collection was embedded by another model),
  // kTooLarge. With a `guard` that does not hold nothing is written: kConflict for each. The call
  // itself fails when nothing is known of any of them.
  virtual net::Task<Result<std::vector<Result<WriteState>>>> put_many(
      CollectionKey key, std::vector<PreparedDocument> documents, std::optional<RecordGuard> guard,
      Deadline deadline) = 0;
  // kNotFound when there is no such document.
  virtual net::Task<Result<>> remove(CollectionKey key, std::string document_id,
                                     Deadline deadline) = 0;

  virtual net::Task<Result<Document>> get(CollectionKey key, std::string document_id,
                                          Deadline deadline) = 0;
  // At most min(limit, kMaxPageSize) documents with ids after `after_id`; from the first when
  // empty.
  virtual net::Task<Result<DocumentPage>> list(CollectionKey key, std::string after_id,
                                               std::uint32_t limit, Deadline deadline) = 0;
  // These documents as they are stored, in the ids' order, nothing for an unknown one; one
  // statement. An unknown collection has no documents: no error.
  virtual net::Task<Result<std::vector<std::optional<StoredVersion>>>> stored_versions(
      CollectionKey key, std::vector<std::string> document_ids, Deadline deadline) = 0;

  // Candidates of both sides over at least the data that was committed when the call began, and the
  // passages of those chosen, by one statement.
  // Errors: kNotFound (collection), kInvalidField (a vector of the wrong dimension or not finite, a
  // bad filter), kConflict (the collection was embedded by another model).
  virtual net::Task<Result<Found>> search(SearchRequest request, Choose choose,
                                          Deadline deadline) = 0;

  // The collection's last committed change. kNotFound when there is no such collection.
  virtual net::Task<Result<Generation>> generation(CollectionKey key, Deadline deadline) = 0;
  // The same without waiting, cheap enough for the way to a cache. Nothing: it cannot be told so.
  virtual std::optional<Result<Generation>> try_generation(const CollectionKey& key) = 0;

  // What is shared beside the documents. As long as the store.
  virtual Records& records() = 0;
  // All that is stored, for moving it elsewhere. As long as the store.
  virtual Contents& contents() = 0;

  // Whether the store can be read, for readiness. Blocks, and never waits behind work: for an
  // executor of its own, by one thread at a time.
  virtual Result<> check() = 0;
};

} // namespace raglan::store
