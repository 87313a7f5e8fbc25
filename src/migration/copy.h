// Copies what one store holds into another one.
//
//   auto copied = co_await copy_documents(from, to, key, clock, on_progress);
//   auto pruned = co_await prune_documents(from, to, key, clock);   // where that is wanted
//   auto compared = co_await compare_documents(from, to, key, clock); // compare.h
//
// The store that is copied from has the last word: what the other one holds under the same id is
// replaced. Documents whose content hash is equal are not copied again, so a copy that was broken
// off is resumed by beginning anew, and one that is repeated copies what has changed.
//
// Both may be in use meanwhile. Memory: one batch, which is kChunksPerBatch chunks and a document
// more at most; a page of records (pages.h); and what the stores themselves take: an embedded one
// that is written to loads its indexes.
//
// Errors: those of either store (store/store.h).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "store/store.h"

namespace raglan::migration {

inline constexpr std::uint32_t kChunksPerBatch = 1000;

struct Refused {
  std::string document_id;
  Error error; // what the other store has against it
};

struct CopyCounts {
  static constexpr std::size_t kMaxNamed = 20;

  std::uint64_t documents = 0; // that were looked at
  std::uint64_t copied = 0;
  std::uint64_t unchanged = 0;
  std::uint64_t refused = 0;
  std::vector<Refused> named; // the first of those that were refused
};
// Told after each batch how many documents have been looked at.
using OnProgress = std::function<void(std::uint64_t documents)>;

// The collection, too, where there is none. kConflict: there is one of another model's vectors.
net::Task<Result<CopyCounts>> copy_documents(store::Store& from, store::Store& to,
                                             store::CollectionKey key, const Clock& clock,
                                             OnProgress on_progress);
// Removes the documents that `from` does not have; how many.
net::Task<Result<std::uint64_t>> prune_documents(store::Store& from, store::Store& to,
                                                 store::CollectionKey key, const Clock& clock);

struct RecordCounts {
  std::uint64_t copied = 0;
  std::uint64_t unchanged = 0;
};
// Of all kinds and tenants.
net::Task<Result<RecordCounts>> copy_records(store::Store& from, store::Store& to,
                                             const Clock& clock);
net::Task<Result<std::uint64_t>> prune_records(store::Store& from, store::Store& to,
                                               const Clock& clock);

} // namespace raglan::migration
