// A blocking socket to a server under test: raw bytes out, raw bytes in. Every read gives up after
// ten seconds, so a server that does not answer fails the test instead of hanging it.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace raglan::http {

class RawClient {
 public:
  explicit RawClient(std::uint16_t port, int receive_buffer_bytes = 0)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receive_buffer_bytes > 0) {
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
    }
    const timeval patience{10, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawClient() { close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }
  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  // Everything up to and including `end`; less when the connection closes first.
  std::string read_until(std::string_view end) {
    while (pending_.find(end) == pending_.npos && read_some()) {
    }
    const auto found = pending_.find(end);
    return take(found == pending_.npos ? pending_.size() : found + end.size());
  }
  std::string read_bytes(std::size_t count) {
    while (pending_.size() < count && read_some()) {
    }
    return take(std::min(count, pending_.size()));
  }
  std::string read_to_end() {
    while (read_some()) {
    }
    return take(pending_.size());
  }
  // True when the server has closed its side and everything has been read.
  bool at_end() { return pending_.empty() && !read_some() && !timed_out_; }
  void half_close() { ::shutdown(fd_, SHUT_WR); }
  void reset_on_close() {
    const linger hard{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  // One response with a Content-Length: head and body.
  std::string read_response() {
    auto head = read_until("\r\n\r\n");
    const auto at = head.find("content-length: ");
    if (at == head.npos) return head;
    return head + read_bytes(std::stoull(head.substr(at + 16)));
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

  int fd_;
  bool connected_ = false;
  bool timed_out_ = false;
  std::string pending_;
};

} // namespace raglan::http
