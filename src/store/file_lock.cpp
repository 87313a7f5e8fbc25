#include "store/file_lock.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace raglan::store {
namespace {

int open_lock_file(const std::filesystem::path& path) {
  return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
}

} // namespace

Result<FileLock> FileLock::acquire(const std::filesystem::path& path) {
  const int descriptor = open_lock_file(path);
  if (descriptor < 0) {
    const bool full = errno == ENOSPC || errno == EDQUOT;
    return full ? fail(ErrorCode::kDiskFull, "the disk is full")
                : fail(ErrorCode::kUnavailable, "the store's folder cannot be written");
  }
  FileLock lock(descriptor);
  while (::flock(descriptor, LOCK_EX) != 0) {
    if (errno != EINTR) return fail(ErrorCode::kUnavailable, "the store cannot be locked");
  }
  return lock;
}

std::optional<FileLock> FileLock::try_acquire(const std::filesystem::path& path) {
  const int descriptor = open_lock_file(path);
  if (descriptor < 0) return std::nullopt;
  FileLock lock(descriptor);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) return std::nullopt;
  return lock;
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

} // namespace raglan::store
