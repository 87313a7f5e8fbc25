// Going through all of a store's documents and records, a part at a time.
//
//   RecordPages pages(store.contents(), clock);
//   while (true) {
//     auto records = co_await pages.next();
//     if (!records) co_return forward_error(records);
//     if (records->empty()) break;
//     …
//   }
//
// Thread safety: none.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/store.h"

namespace raglan::migration {

// Of any one call.
inline constexpr std::chrono::minutes kCallTimeout{10};
inline Deadline call_deadline(const Clock& clock) {
  return Deadline::after(kCallTimeout, clock.now());
}

// Headers, in the order of their ids; empty: there are no more.
class DocumentPages {
 public:
  DocumentPages(store::Store& store, store::CollectionKey key, const Clock& clock)
      : store_(store), key_(std::move(key)), clock_(clock) {}

  net::Task<Result<std::vector<store::Document>>> next();

 private:
  static constexpr std::uint32_t kPerPage = 200;

  store::Store& store_;
  const store::CollectionKey key_;
  const Clock& clock_;
  std::string after_;
  bool more_ = true;
};

// In the order of their keys; empty: there are no more.
class RecordPages {
 public:
  RecordPages(store::Contents& contents, const Clock& clock) : contents_(contents), clock_(clock) {}

  net::Task<Result<std::vector<store::Record>>> next();

 private:
  static constexpr std::uint32_t kPerPage = 16; // each may have store::kMaxRecordBytes

  store::Contents& contents_;
  const Clock& clock_;
  std::optional<store::RecordKey> after_;
};

inline std::vector<std::string> ids_of(const std::vector<store::Document>& documents) {
  std::vector<std::string> ids;
  ids.reserve(documents.size());
  for (const store::Document& document : documents) ids.push_back(document.id);
  return ids;
}

// Their ids, in batches of about so many chunks.
std::vector<std::vector<std::string>> in_batches(const std::vector<store::Document>& headers,
                                                 std::uint32_t chunks_per_batch);

} // namespace raglan::migration
