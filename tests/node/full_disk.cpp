// To be preloaded into a server: while the file named by FULL_DISK_WHILE exists, its disk is full.
// What lies within a file can be written over, as on a real one; what would make one longer fails
// with ENOSPC.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace {

bool is_full() {
  static const char* const file = std::getenv("FULL_DISK_WHILE");
  return file != nullptr && ::access(file, F_OK) == 0;
}

bool has_no_room(int fd, off_t end) {
  struct stat status{};
  return is_full() && ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && end > status.st_size;
}

off_t size_of(const iovec* parts, int count) {
  off_t size = 0;
  for (int i = 0; i < count; ++i) size += static_cast<off_t>(parts[i].iov_len);
  return size;
}

template <typename F>
F next(F, const char* name) {
  return reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
}

ssize_t refuse() {
  errno = ENOSPC;
  return -1;
}

} // namespace

extern "C" {

ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  static const auto real = next(&pwrite, "pwrite");
  return has_no_room(fd, offset + static_cast<off_t>(size)) ? refuse()
                                                            : real(fd, data, size, offset);
}

ssize_t pwrite64(int fd, const void* data, size_t size, off_t offset) {
  return pwrite(fd, data, size, offset);
}

ssize_t pwritev(int fd, const iovec* parts, int count, off_t offset) {
  static const auto real = next(&pwritev, "pwritev");
  return has_no_room(fd, offset + size_of(parts, count)) ? refuse()
                                                         : real(fd, parts, count, offset);
}

ssize_t pwritev64(int fd, const iovec* parts, int count, off_t offset) {
  return pwritev(fd, parts, count, offset);
}

int posix_fallocate(int fd, off_t offset, off_t size) {
  static const auto real = next(&posix_fallocate, "posix_fallocate");
  return has_no_room(fd, offset + size) ? ENOSPC : real(fd, offset, size);
}

int posix_fallocate64(int fd, off_t offset, off_t size) {
  return posix_fallocate(fd, offset, size);
}

} // extern "C"
