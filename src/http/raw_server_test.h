// A blocking server on loopback that says exactly what a test tells it to, however wrong that is.
// Every connection runs the script on a thread of its own; every read gives up after ten seconds.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/guarded.h"

namespace raglan::http {

// The sockets that are open, so that a server that is destroyed can wake up its scripts.
using OpenSockets = Guarded<std::vector<int>>;

class RawPeer {
 public:
  RawPeer(int fd, int connection_number, OpenSockets& open)
      : number(connection_number), open_(open), fd_(fd) {
    open_.with([&](auto& sockets) { sockets.push_back(fd_); });
    const timeval patience{10, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~RawPeer() { close(); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  const int number; // of the connection, from 0
  int fd() const { return fd_; }

  // Head and body of the next request; "" when there is none.
  std::string read_request() {
    while (pending_.find("\r\n\r\n") == pending_.npos) {
      if (!read_some()) return {};
    }
    std::size_t size_bytes = pending_.find("\r\n\r\n") + 4;
    const auto length = pending_.find("content-length: ");
    if (length < size_bytes) size_bytes += std::stoull(pending_.substr(length + 16));
    while (pending_.size() < size_bytes) {
      if (!read_some()) return {};
    }
    return take(size_bytes);
  }
  // Its head alone; what comes behind is there for read_bytes.
  std::string read_head() {
    while (pending_.find("\r\n\r\n") == pending_.npos) {
      if (!read_some()) return {};
    }
    return take(pending_.find("\r\n\r\n") + 4);
  }
  // Fewer when the client closes first.
  std::string read_bytes(std::size_t count) {
    while (pending_.size() < count && read_some()) {
    }
    return take(std::min(count, pending_.size()));
  }
  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  // True once the client has closed or reset the connection; false after ten seconds.
  bool wait_for_close() {
    while (read_some()) {
    }
    return !timed_out_;
  }
  void reset() {
    const linger hard{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close();
  }
  void close() {
    if (fd_ < 0) return;
    open_.with([&](auto& sockets) {
      std::erase(sockets, fd_);
      ::close(fd_);
    });
    fd_ = -1;
  }

 private:
  bool read_some() {
    char buffer[16 * 1024];
    const auto count = ::recv(fd_, buffer, sizeof buffer, 0);
    timed_out_ = count < 0 && errno == EAGAIN;
    if (count <= 0) return false;
    pending_.append(buffer, static_cast<std::size_t>(count));
    return true;
  }
  std::string take(std::size_t count) {
    std::string taken = pending_.substr(0, count);
    pending_.erase(0, count);
    return taken;
  }

  OpenSockets& open_;
  int fd_;
  bool timed_out_ = false;
  std::string pending_;
};

class RawServer {
 public:
  using Script = std::function<void(RawPeer&)>;

  explicit RawServer(Script script)
      : script_(std::move(script)), fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(fd_, 64);
    socklen_t length = sizeof address;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept(); });
  }
  ~RawServer() {
    ::shutdown(fd_, SHUT_RDWR); // ends accept()
    acceptor_.join();
    ::close(fd_);
    open_.with([](auto& sockets) {
      for (const int socket : sockets) ::shutdown(socket, SHUT_RDWR);
    });
    for (auto& thread : threads_) thread.join();
  }
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;

  std::uint16_t port() const { return port_; }
  std::string url(std::string_view target = "/") const {
    return "http://127.0.0.1:" + std::to_string(port_) + std::string(target);
  }
  int connections() const { return connections_; }

 private:
  void accept() {
    while (true) {
      const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      // Made here and not on its thread: whoever is destroyed must know every socket.
      auto peer = std::make_unique<RawPeer>(fd, connections_++, open_);
      threads_.emplace_back([this, peer = std::move(peer)] { script_(*peer); });
    }
  }

  const Script script_;
  const int fd_;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_ = 0;
  OpenSockets open_;
  std::vector<std::thread> threads_; // the acceptor's, until it is joined
  std::thread acceptor_;
};

} // namespace raglan::http
