// One listening TCP socket that every event loop accepts from.
//
// Each loop gets a duplicate of the same descriptor and registers it with its own epoll: whichever
// loop is free takes the next connection, and none can starve the others' queue as SO_REUSEPORT's
// per-socket queues do. SO_REUSEPORT is never set: it would let a second server on the port take
// part of the traffic silently. An inherited descriptor (hand-over at an upgrade) is used as it is.
//
// Thread safety: none while opening; `duplicate` may be called from any thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/file_descriptor.h"
#include "base/result.h"

namespace raglan::net {

struct ListenerConfig {
  std::string host = "127.0.0.1"; // an address or a name; the first address that binds is used
  std::uint16_t port = 0;         // 0: the system picks a free one
  int backlog = 4096;             // the kernel caps it at net.core.somaxconn
  int inherited_fd = -1;          // >= 0: already bound and listening; host and port are ignored
};

class Listener {
 public:
  // Errors: kUnavailable with a message that names the address and the reason.
  static Result<Listener> open(const ListenerConfig& config);

  int fd() const { return socket_.get(); }
  // A new descriptor of the same socket (non-blocking, closed on exec).
  Result<FileDescriptor> duplicate() const;
  bool is_v6() const { return is_v6_; }
  const std::string& address() const { return address_; } // "127.0.0.1", or "[::1]"
  std::uint16_t port() const { return port_; }
  // Loopback means that only this machine can connect.
  bool is_loopback() const { return is_loopback_; }

 private:
  explicit Listener(FileDescriptor socket) : socket_(std::move(socket)) {}
  bool read_address();

  FileDescriptor socket_;
  bool is_v6_ = false;
  bool is_loopback_ = false;
  std::string address_;
  std::uint16_t port_ = 0;
};

} // namespace raglan::net
