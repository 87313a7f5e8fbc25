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

Result<> wait_for_lock(const FileDescriptor& file, int operation) {
  while (::flock(file.get(), operation) != 0) {
    if (errno != EINTR) return fail(ErrorCode::kUnavailable, "the store cannot be locked");
  }
  return {};
}

Result<FileDescriptor> open_and_lock(const std::filesystem::path& path, int operation) {
  FileDescriptor file = open_lock_file(path);
  if (!file) {
    const bool full = errno == ENOSPC || errno == EDQUOT;
    return full ? fail(ErrorCode::kDiskFull, "the disk is full")
                : fail(ErrorCode::kUnavailable, "the store's folder cannot be written");
  }
  if (auto ok = wait_for_lock(file, operation); !ok) return forward_error(ok);
  return file;
}

} // namespace

Result<FileLock> FileLock::acquire(const std::filesystem::path& path) {
  auto file = open_and_lock(path, LOCK_EX);
  if (!file) return forward_error(file);
  return FileLock(std::move(*file));
}

Result<FileLock> FileLock::acquire_shared(const std::filesystem::path& path) {
  auto file = open_and_lock(path, LOCK_SH);
  if (!file) return forward_error(file);
  return FileLock(std::move(*file));
}

Result<> FileLock::share() { return wait_for_lock(file_, LOCK_SH); }

std::optional<FileLock> FileLock::try_acquire(const std::filesystem::path& path) {
  FileDescriptor file = open_lock_file(path);
  if (!file || ::flock(file.get(), LOCK_EX | LOCK_NB) != 0) return std::nullopt;
  return FileLock(std::move(file));
}

} // namespace raglan::store
