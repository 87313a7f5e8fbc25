// Whether anything was committed to a database since one last looked: by any process, for the price
// of reading 48 bytes of memory.
//
// The processes on a database in WAL mode share a memory map, the WAL index, whose header every
// commit replaces before it returns (https://www.sqlite.org/walformat.html, "WAL-index header").
// SQLite compares it with its own copy at the start of each read transaction; this does the same
// without the transaction, whose locks and checks of the file are four system calls. While the
// header has a version that is not known here, or none, `PRAGMA data_version` says it instead.
//
// A stamp must be read before what it stands for: then whatever is committed later changes it. One
// read while the header is being replaced is like no other, and only makes the next look differ.
//
// Thread safety: that of the connection.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

struct sqlite3;

namespace raglan::store {

struct CommitStamp {
  std::array<std::uint64_t, 6> words{}; // the header; or data_version and zeros
  bool operator==(const CommitStamp&) const = default;
};

class WalIndex {
 public:
  // The header as it is now. Nothing while it cannot be told from it. `handle` is always the same
  // open connection, which has read the database before.
  std::optional<CommitStamp> stamp(sqlite3* handle);

 private:
  // Within SQLite's own mapping, which stays where it is while the connection is open. (Mapping the
  // file once more would not do: closing any descriptor of it would end SQLite's locks on it.)
  std::uint64_t* header_ = nullptr;
};

} // namespace raglan::store
