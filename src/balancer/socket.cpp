#include "balancer/socket.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>

namespace raglan::balancer {

void Socket::note(std::uint32_t events) {
  readable_ |= (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
  writable_ |= (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0;
  hung_up_ |= (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
}

Socket::Io Socket::read(Buffer& buffer) {
  const auto space = buffer.room();
  ssize_t count = 0;
  do {
    count = ::recv(descriptor_.get(), space.data(), space.size(), 0);
  } while (count < 0 && errno == EINTR);
  if (count > 0) {
    buffer.added(static_cast<std::size_t>(count));
    // Less than was asked for is all that there is (epoll(7)), and the end shows in another read.
    readable_ = static_cast<std::size_t>(count) == space.size() || hung_up_;
    return Io::kSome;
  }
  const int error = errno;
  if (buffer.empty() && !buffer.keeps_consumed()) buffer.clear();
  if (count == 0) return Io::kEnded;
  readable_ = false;
  return error == EAGAIN ? Io::kBlocked : Io::kFailed;
}

Socket::Io Socket::write(Buffer& buffer) {
  const auto bytes = buffer.bytes();
  ssize_t count = 0;
  do {
    count = ::send(descriptor_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  } while (count < 0 && errno == EINTR);
  if (count < 0 && errno != EAGAIN) return Io::kFailed;
  if (count > 0) buffer.consume(static_cast<std::size_t>(count));
  if (count == static_cast<ssize_t>(bytes.size())) return Io::kSome;
  writable_ = false;
  return Io::kBlocked;
}

int Socket::connect_error() const {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(descriptor_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

void Socket::finish_writing() { ::shutdown(descriptor_.get(), SHUT_WR); }

} // namespace raglan::balancer
