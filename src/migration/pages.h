// Going through all of a store's documents, and through the records of two stores side by side, a
// part at a time.
//
//   RecordPairs pairs(from.contents(), to.contents(), clock);
//   while (true) {
//     auto pair = co_await pairs.next();
//     if (!pair) co_return forward_error(pair);
//     if (pair->is_end()) break;
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

// One by one, in the order of their keys (store/contents.h).
class RecordStream {
 public:
  RecordStream(store::Contents& contents, const Clock& clock)
      : contents_(contents), clock_(clock) {}

  // The next one, which stays that until it is taken. Null: there are no more.
  net::Task<Result<store::Record*>> peek();
  std::optional<store::Record> take() { return std::move(page_[taken_++]); }

 private:
  static constexpr std::uint32_t kPerPage = 16; // each may have store::kMaxRecordBytes

  store::Contents& contents_;
  const Clock& clock_;
  std::vector<store::Record> page_;
  std::size_t taken_ = 0; // of the page
  std::optional<store::RecordKey> after_;
  bool ended_ = false;
};

// What two stores hold under one key; at least one of them does, but at the end.
struct RecordPair {
  std::optional<store::Record> from;
  std::optional<store::Record> to;
  bool is_end() const { return !from && !to; }
};

// All keys that either store has, in their order. What has been passed may be written and erased.
class RecordPairs {
 public:
  RecordPairs(store::Contents& from, store::Contents& to, const Clock& clock)
      : from_(from, clock), to_(to, clock) {}

  net::Task<Result<RecordPair>> next();

 private:
  RecordStream from_;
  RecordStream to_;
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
