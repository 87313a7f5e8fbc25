// A redis-server or Redis Sentinel of a test's own on a loopback port, without files that anybody
// keeps, ended with the object; and questions to it that need no client. For deployments of several
// servers (sentinel_deployment.h, cluster_deployment.h).
#pragma once

#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/file_descriptor.h"
#include "redis/command.h"
#include "redis/reply_parser.h"

namespace raglan::redis {

inline std::uint16_t free_port() {
  const FileDescriptor probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(probe.get(), generic, size) != 0 || ::getsockname(probe.get(), generic, &size) != 0) {
    throw std::runtime_error("no free port");
  }
  return ntohs(address.sin_port);
}

// Waits for what other processes do anyway; throws after a minute: machines stall.
inline void await(std::string_view what, const std::function<bool()>& holds) {
  for (int i = 0; i < 6'000; ++i) {
    if (holds()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  throw std::runtime_error("it did not happen: " + std::string(what));
}

class TcpServer {
 public:
  // `lines` of its configuration file. A sentinel rewrites it.
  explicit TcpServer(std::vector<std::string> lines, bool sentinel = false) : sentinel_(sentinel) {
    std::string folder = std::filesystem::temp_directory_path() / "raglan-redis-XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("no folder for Redis");
    folder_ = folder;
    std::ofstream file(folder_ / "redis.conf");
    file << "port " << port_ << "\nbind 127.0.0.1\nprotected-mode no\ndir " << folder
         << "\nlogfile " << folder << "/log\n";
    if (!sentinel) file << "save \"\"\nappendonly no\nrepl-diskless-sync-delay 0\n";
    for (const auto& line : lines) file << line << "\n";
    file.close();
    start();
  }
  ~TcpServer() {
    kill();
    std::filesystem::remove_all(folder_);
  }
  TcpServer(const TcpServer&) = delete;
  TcpServer& operator=(const TcpServer&) = delete;

  std::uint16_t port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  bool runs() const { return pid_ > 0; }

  void start() {
    std::string file = folder_ / "redis.conf";
    std::string name = sentinel_ ? "redis-sentinel" : "redis-server";
    std::string option = "--sentinel";
    char* const arguments[] = {name.data(), file.data(), sentinel_ ? option.data() : nullptr,
                               nullptr};
    // By the name that it is called (real_server.h).
    if (::posix_spawn(&pid_, "/usr/bin/redis-check-rdb", nullptr, nullptr, arguments, environ) !=
        0) {
      throw std::runtime_error("redis-tools is not installed");
    }
    await("Redis answers", [this] { return !ask(Command("PING")).is_nil(); });
  }
  // As kill -9.
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  void freeze() {
    ::kill(pid_, SIGSTOP);
    int status = 0;
    ::waitpid(pid_, &status, WUNTRACED);
  }
  void thaw() { ::kill(pid_, SIGCONT); }

  // Nil when it is away.
  Reply ask(const Command& command) const {
    const FileDescriptor connection(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (::connect(connection.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      return {};
    }
    std::string wire;
    command.append_to(wire);
    ::send(connection.get(), wire.data(), wire.size(), MSG_NOSIGNAL);
    ReplyParser parser(10'000'000);
    char buffer[16'384];
    while (true) {
      const auto size = ::recv(connection.get(), buffer, sizeof buffer, 0);
      if (size <= 0) return {};
      if (!parser.feed({buffer, static_cast<std::size_t>(size)})) return {};
      auto reply = parser.next();
      if (!reply) return {};
      if (*reply) return std::move(**reply);
    }
  }
  // As `ask`, of what must be done.
  Reply tell(const Command& command) const {
    Reply reply = ask(command);
    if (reply.is_nil() || reply.is_error())
      throw std::runtime_error("Redis refuses: " + reply.text);
    return reply;
  }
  // Whether INFO, or CLUSTER INFO, says so: "role:master".
  bool says(const Command& command, std::string_view line) const {
    return ask(command).text.contains(line);
  }

 private:
  const bool sentinel_;
  const std::uint16_t port_ = free_port();
  std::filesystem::path folder_;
  pid_t pid_ = 0;
};

} // namespace raglan::redis
