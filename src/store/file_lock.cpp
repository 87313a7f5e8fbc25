#include "store/file_lock.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>

namespace raglan::store {
namespace {

FileDescriptor open_lock_file(const std::filesystem::path& path) {
  return FileDescriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
}

} // namespace

Result<FileLock> FileLock::acquire(const std::filesystem::path& path) {
  FileDescriptor file = open_lock_file(path);
  if (!file) {
    const bool full = errno == ENOSPC || errno == EDQUOT;
    return full ? fail(ErrorCode::kDiskFull, "the disk is full")
                : fail(ErrorCode::kUnavailable, "the store's folder cannot be written");
  }
  while (::flock(file.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return fail(ErrorCode::kUnavailable, "the store cannot be locked");
  }
  return FileLock(std::move(file));
}

std::optional<FileLock> FileLock::try_acquire(const std::filesystem::path& path) {
  FileDescriptor file = open_lock_file(path);
  if (!file || ::flock(file.get(), LOCK_EX | LOCK_NB) != 0) return std::nullopt;
  return FileLock(std::move(file));
}

} // namespace raglan::store
