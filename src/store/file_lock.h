// A lock between processes, held on a file of its own: flock(2), so that it ends with the process,
// however that dies. (Locks of fcntl(2) end when any descriptor of the file is closed; never used
// on SQLite's own files for that reason.)
#pragma once

#include <filesystem>
#include <optional>

#include "base/result.h"

namespace raglan::store {

class FileLock {
 public:
  // Waits for the lock. The file is created when there is none.
  static Result<FileLock> acquire(const std::filesystem::path& path);
  // Nothing when another holds it, or the file cannot be opened.
  static std::optional<FileLock> try_acquire(const std::filesystem::path& path);

  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

} // namespace raglan::store
