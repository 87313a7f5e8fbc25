#include "net/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace raglan::net {
namespace {

// A bound, listening, non-blocking socket; or -1 with errno set.
int bind_and_listen(const addrinfo& candidate, int backlog) {
  const int fd = ::socket(candidate.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd, candidate.ai_addr, candidate.ai_addrlen) == 0 && ::listen(fd, backlog) == 0) {
    return fd;
  }
  const int reason = errno;
  ::close(fd);
  errno = reason;
  return -1;
}

} // namespace

Result<Listener> Listener::open(const ListenerConfig& config) {
  if (config.inherited_fd >= 0) {
    Listener listener(config.inherited_fd);
    const int flags = ::fcntl(config.inherited_fd, F_GETFL);
    int listening = 0;
    socklen_t length = sizeof listening;
    ::getsockopt(config.inherited_fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length);
    if (listening == 0 || ::fcntl(config.inherited_fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        ::fcntl(config.inherited_fd, F_SETFD, FD_CLOEXEC) < 0 || !listener.read_address()) {
      return fail(ErrorCode::kUnavailable, "the inherited descriptor is not a listening socket");
    }
    return listener;
  }
  const auto where = fmt::format("{}:{}", config.host, config.port);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(config.host.empty() ? nullptr : config.host.c_str(),
                                 std::to_string(config.port).c_str(), &hints, &found);
  if (code != 0) {
    return fail(ErrorCode::kUnavailable,
                fmt::format("cannot listen on {}: {}", where, ::gai_strerror(code)));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, &::freeaddrinfo);
  for (const addrinfo* candidate = found; candidate != nullptr; candidate = candidate->ai_next) {
    const int fd = bind_and_listen(*candidate, config.backlog);
    if (fd < 0) continue;
    Listener listener(fd);
    if (listener.read_address()) return listener;
  }
  return fail(ErrorCode::kUnavailable,
              fmt::format("cannot listen on {}: {}", where, std::strerror(errno)));
}

Listener::Listener(Listener&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      is_v6_(other.is_v6_),
      is_loopback_(other.is_loopback_),
      address_(std::move(other.address_)),
      port_(other.port_) {}

Listener& Listener::operator=(Listener&& other) noexcept {
  if (this == &other) return *this;
  if (fd_ >= 0) ::close(fd_);
  fd_ = std::exchange(other.fd_, -1);
  is_v6_ = other.is_v6_;
  is_loopback_ = other.is_loopback_;
  address_ = std::move(other.address_);
  port_ = other.port_;
  return *this;
}

Listener::~Listener() {
  if (fd_ >= 0) ::close(fd_);
}

Result<int> Listener::duplicate() const {
  const int copy = ::fcntl(fd_, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return fail(ErrorCode::kUnavailable, "out of file descriptors");
  return copy;
}

bool Listener::read_address() {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (::getsockname(fd_, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return false;
  char text[INET6_ADDRSTRLEN] = {};
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    address_ = text;
    port_ = ntohs(v4.sin_port);
    is_loopback_ = (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
    return true;
  }
  if (storage.ss_family != AF_INET6) return false;
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
  ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
  address_ = fmt::format("[{}]", text);
  port_ = ntohs(v6.sin6_port);
  is_v6_ = true;
  is_loopback_ = IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) != 0;
  return true;
}

} // namespace raglan::net
