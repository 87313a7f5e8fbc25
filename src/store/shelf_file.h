// The file of an embedding shelf: how it is opened, told from files that are not one, and begun
// anew.
//
// The file holds the vectors of one embedder, in one format. Whoever finds a file that is damaged,
// another program's, of another format, of another embedder, or larger than it may be, and is alone
// with it, removes it and begins a new one, with a line in the log. A process that is not alone
// goes without a shelf: a file must not be taken from under another process, whose SQLite would go
// on to delete, by its name, the write-ahead log of the file that is there now.
//
// Who is alone is told by a lock (store/file_lock.h) on `<path>.lock`: held shared for as long as
// the file is open, exclusively while it is looked at first.
//
// Thread safety: none; the two connections may be used by two threads.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "store/file_lock.h"
#include "store/sqlite.h"

namespace raglan::store {

struct ShelfFile {
  FileLock lock; // until the connections are closed
  Connection writer;
  Connection reader;
};

// Errors: kDiskFull, kUnavailable, kConflict (not a shelf of ours, and not alone with it).
Result<ShelfFile> open_shelf_file(const std::filesystem::path& path, std::string_view embedder_id,
                                  std::uint64_t max_bytes, StatementCounts& executed);

// For a damaged one whose connections are closed; others that use it keep what they have open.
void remove_shelf_file(const std::filesystem::path& path);

} // namespace raglan::store
