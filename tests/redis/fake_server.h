// One connection of a server that speaks RESP, or not, exactly as a test's script tells it to. For
// use in the scripts of http/raw_server_test.h.
#pragma once

#include <charconv>
#include <string>
#include <string_view>
#include <vector>

#include "http/raw_server_test.h"

namespace raglan::redis {

class FakeConnection {
 public:
  explicit FakeConnection(http::RawPeer& peer) : peer_(peer) {}

  // The words of the next command; none at the connection's end.
  std::vector<std::string> read_command() {
    std::vector<std::string> words;
    for (std::size_t left = read_number('*'); left > 0; --left) {
      const std::size_t size_bytes = read_number('$');
      if (!read_until(size_bytes + 2)) return {};
      words.push_back(pending_.substr(0, size_bytes));
      pending_.erase(0, size_bytes + 2);
    }
    return words;
  }
  // What a client says first.
  void log_in() {
    read_command();
    peer_.send("+OK\r\n");
  }
  void send_string(std::string_view text) {
    peer_.send("$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n");
  }
  // Answers ECHO with its argument until the client closes.
  void echo() {
    for (auto words = read_command(); words.size() == 2; words = read_command()) {
      send_string(words[1]);
    }
  }

 private:
  std::size_t read_number(char kind) {
    while (pending_.find("\r\n") == pending_.npos) {
      if (!read_some()) return 0;
    }
    std::size_t number = 0;
    const auto end = pending_.find("\r\n");
    if (pending_[0] == kind) std::from_chars(&pending_[1], &pending_[end], number);
    pending_.erase(0, end + 2);
    return number;
  }
  bool read_until(std::size_t size_bytes) {
    while (pending_.size() < size_bytes) {
      if (!read_some()) return false;
    }
    return true;
  }
  bool read_some() {
    char buffer[4096];
    const auto count = ::recv(peer_.fd(), buffer, sizeof buffer, 0);
    if (count > 0) pending_.append(buffer, static_cast<std::size_t>(count));
    return count > 0;
  }

  http::RawPeer& peer_;
  std::string pending_;
};

inline std::string redis_url(const http::RawServer& server) {
  return "redis://127.0.0.1:" + std::to_string(server.port());
}

} // namespace raglan::redis
