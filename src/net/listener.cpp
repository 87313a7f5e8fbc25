#include "net/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>

namespace raglan::net {
namespace {

// A bound, listening, non-blocking socket; or none, and `reason` is why.
FileDescriptor bind_and_listen(const addrinfo& candidate, int backlog, int& reason) {
  const int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  FileDescriptor socket(::socket(candidate.ai_family, type, 0));
  if (!socket) {
    reason = errno;
    return {};
  }
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(socket.get(), candidate.ai_addr, candidate.ai_addrlen) == 0 &&
      ::listen(socket.get(), backlog) == 0) {
    return socket;
  }
  reason = errno;
  return {};
}

} // namespace

Result<Listener> Listener::open(const ListenerConfig& config) {
  if (config.inherited_fd >= 0) {
    Listener listener{FileDescriptor(config.inherited_fd)};
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
  int reason = 0;
  for (const addrinfo* candidate = found; candidate != nullptr; candidate = candidate->ai_next) {
    FileDescriptor socket = bind_and_listen(*candidate, config.backlog, reason);
    if (!socket) continue;
    Listener listener(std::move(socket));
    if (listener.read_address()) return listener;
    reason = errno;
  }
  return fail(ErrorCode::kUnavailable, fmt::format("cannot listen on {}: {}", where,
                                                   std::generic_category().message(reason)));
}

Result<FileDescriptor> Listener::duplicate() const {
  FileDescriptor copy(::fcntl(fd(), F_DUPFD_CLOEXEC, 0));
  if (!copy) return fail(ErrorCode::kUnavailable, "out of file descriptors");
  return copy;
}

bool Listener::read_address() {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (::getsockname(fd(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) return false;
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
