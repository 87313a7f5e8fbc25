#include "balancer/unblocked_output.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace raglan::balancer {
namespace {

std::unexpected<Error> cannot_be_written() {
  Error error{ErrorCode::kUnavailable, "the output cannot be written"};
  error.reason = std::generic_category().message(errno);
  return std::unexpected(std::move(error));
}

} // namespace

Result<UnblockedOutput> UnblockedOutput::open(const std::string& path) {
  // Not to wait for the reader of a FIFO, either.
  const int flags = O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  FileDescriptor descriptor(::open(path.c_str(), flags, 0640));
  if (!descriptor) return cannot_be_written();
  return UnblockedOutput(std::move(descriptor), Kind::kOwn);
}

Result<UnblockedOutput> UnblockedOutput::share(int descriptor) {
  struct stat about{};
  if (::fstat(descriptor, &about) != 0) return cannot_be_written();
  // Not a file: opened once more, it would be written from its beginning.
  if (S_ISFIFO(about.st_mode) || S_ISCHR(about.st_mode)) {
    const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
    FileDescriptor own(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (own) return UnblockedOutput(std::move(own), Kind::kOwn);
  }
  FileDescriptor copy(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
  if (!copy) return cannot_be_written();
  if (S_ISSOCK(about.st_mode)) return UnblockedOutput(std::move(copy), Kind::kSocket);
  return UnblockedOutput(std::move(copy), S_ISREG(about.st_mode) ? Kind::kOwn : Kind::kShared);
}

ssize_t UnblockedOutput::write(std::string_view bytes) {
  if (kind_ == Kind::kSocket) {
    return ::send(descriptor_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  if (kind_ == Kind::kShared) {
    pollfd room{.fd = descriptor_.get(), .events = POLLOUT, .revents = 0};
    const int ready = ::poll(&room, 1, 0);
    if (ready == 0) errno = EAGAIN;
    if (ready <= 0) return -1;
    bytes = bytes.substr(0, PIPE_BUF); // as much as a pipe that has room takes at once
  }
  return ::write(descriptor_.get(), bytes.data(), bytes.size());
}

} // namespace raglan::balancer
