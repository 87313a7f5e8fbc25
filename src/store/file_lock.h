// A lock between processes, held on a file of its own: flock(2), so that it ends with the process,
// however that dies. (Locks of fcntl(2) end when any descriptor of the file is closed; never used
// on SQLite's own files for that reason.)
#pragma once

#include <filesystem>
#include <optional>

#include "base/file_descriptor.h"
#include "base/result.h"

namespace raglan::store {

class FileLock {
 public:
  // Waits for the lock. The file is created when there is none.
  static Result<FileLock> acquire(const std::filesystem::path& path);
  // Nothing when another holds it, or the file cannot be opened.
  static std::optional<FileLock> try_acquire(const std::filesystem::path& path);
  // Waits until nobody holds the lock for itself; others may share it too.
  static Result<FileLock> acquire_shared(const std::filesystem::path& path);
  // From now on others may share it. Not atomic: somebody else may have had it in between.
  Result<> share();

 private:
  explicit FileLock(FileDescriptor file) : file_(std::move(file)) {}
  FileDescriptor file_; // closing it ends the lock
};

} // namespace raglan::store
