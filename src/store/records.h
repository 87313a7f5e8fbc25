// Small things that all nodes of a store share beside the documents: API keys, conversations, jobs.
//
//   auto version = co_await records.write({key, json, expires, .expected = 0}, deadline);
//   auto record = co_await records.read(key, deadline);
//
// A record has a key (what kind of thing, whose, which) and a value, and may expire: from then on
// there is none. Each write gives it a new version, by which a later write or erasure can say what
// it has seen: of two that saw the same one succeeds, and the other is kConflict.
//
// Errors: those of store.h, and where said. Thread safety: as store.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/result.h"
#include "net/task.h"

namespace raglan::store {

inline constexpr WallTime kNever = WallTime::max();
inline constexpr std::size_t kMaxRecordBytes = 16'000'000;
inline constexpr std::size_t kMaxRecordKeyBytes = 256; // of each part

struct RecordKey {
  std::string kind; // of things: "api_key"
  std::string tenant;
  std::string id;
  auto operator<=>(const RecordKey&) const = default;
};

struct Record {
  RecordKey key;
  std::string value;
  std::uint64_t version = 0; // random, never 0
  WallTime expires = kNever; // in milliseconds
};

struct RecordWrite {
  RecordKey key;
  std::string value; // UTF-8 without U+0000
  WallTime expires = kNever;
  // The version that must be there; 0: there must be no record. Nothing: whatever is there.
  std::optional<std::uint64_t> expected = std::nullopt;
};

// What must hold for something else to be written: the record has this version when that is
// committed. So who has lost a record to another writes nothing any more (store/store.h).
struct RecordGuard {
  RecordKey key;
  std::uint64_t version = 0;
};

// The columns of either database: for ever is the largest number.
std::int64_t expires_column(WallTime expires);
WallTime expires_from_column(std::int64_t milliseconds);
// Another one than the expected is there.
std::unexpected<Error> record_conflict();

// Whether there can be one of that key: each part is 1 to kMaxRecordKeyBytes of printable UTF-8.
bool is_record_key(const RecordKey& key);
// Whether there can be any of a list's.
bool is_record_list(const std::string& kind, const std::string& tenant,
                    const std::string& after_id);
// kInvalidField for a part of a key that is empty, too long, not UTF-8 or holds control characters,
// and for such a value; kTooLarge for one of more than kMaxRecordBytes.
Result<> check_record(const RecordWrite& write);
// Of a record that is written now.
std::uint64_t make_record_version();

// There is no record of a key that breaks the rules, whoever asks for it.
class Records {
 public:
  virtual ~Records() = default;

  // Its new version, when it is durable. kConflict when another one than the expected is there.
  virtual net::Task<Result<std::uint64_t>> write(RecordWrite write, Deadline deadline) = 0;
  // Nothing when there is none, or it has expired.
  virtual net::Task<Result<std::optional<Record>>> read(RecordKey key, Deadline deadline) = 0;
  // Whether there was one. kConflict when it is not the expected version that is there.
  virtual net::Task<Result<bool>> erase(RecordKey key, std::optional<std::uint64_t> expected,
                                        Deadline deadline) = 0;
  // Of one tenant, by their ids' bytes, at most `limit` with ids after `after_id`.
  virtual net::Task<Result<std::vector<Record>>> list(std::string kind, std::string tenant,
                                                      std::string after_id, std::uint32_t limit,
                                                      Deadline deadline) = 0;
  // Of all tenants, in no particular order, at most `limit`.
  virtual net::Task<Result<std::vector<Record>>> list_all(std::string kind, std::uint32_t limit,
                                                          Deadline deadline) = 0;
  // Another one after any of the kind was written or erased, but for a chance of 2^-32: whoever
  // keeps what it has read asks this first.
  virtual net::Task<Result<std::uint64_t>> digest(std::string kind, Deadline deadline) = 0;
};

} // namespace raglan::store
