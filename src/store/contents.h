// All that a store holds, of every tenant: what it takes to move it into another one
// (../migration).
//
// Not for requests: nothing here asks whose it is. Errors and thread safety: those of store.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "net/task.h"
#include "store/embedding_space.h"
#include "store/records.h"
#include "store/types.h"

namespace raglan::store {

struct StoredCollection {
  CollectionKey key;
  EmbeddingSpace space; // dimension 0: nothing was written to it yet
  std::uint64_t documents = 0;
  std::uint64_t chunks = 0;
  bool operator==(const StoredCollection&) const = default;
};

class Contents {
 public:
  virtual ~Contents() = default;

  // By tenant and name.
  virtual net::Task<Result<std::vector<StoredCollection>>> collections(Deadline deadline) = 0;
  // As they were written, texts, chunks and vectors, in the ids' order; those that are gone are
  // left out. Of one snapshot.
  virtual net::Task<Result<std::vector<PreparedDocument>>> documents(CollectionKey key,
                                                                     std::vector<std::string> ids,
                                                                     Deadline deadline) = 0;
  // Those of the least keys after `after`, by tenant, kind and id, at most `limit`; what has
  // expired is left out.
  virtual net::Task<Result<std::vector<Record>>> records(std::optional<RecordKey> after,
                                                         std::uint32_t limit,
                                                         Deadline deadline) = 0;
};

} // namespace raglan::store
