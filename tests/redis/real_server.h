// A redis-server of a test's own: on a unix socket in a folder of its own, without files, ended
// with the object.
//
// The program is Debian's redis-tools' redis-check-rdb, which is the server when it is called by
// that name. The package redis-server would add nothing but a service that runs from its
// installation on.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/file_descriptor.h"

namespace raglan::redis {

class RealServer {
 public:
  // `options` as on redis-server's command line: {"--requirepass", "secret"}.
  explicit RealServer(std::vector<std::string> options = {}) : options_(std::move(options)) {
    std::string folder = std::filesystem::temp_directory_path() / "raglan-redis-XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("no folder for Redis");
    folder_ = folder;
    start();
  }
  ~RealServer() {
    kill();
    std::filesystem::remove_all(folder_);
  }
  RealServer(const RealServer&) = delete;
  RealServer& operator=(const RealServer&) = delete;

  std::string socket_path() const { return folder_ / "redis.sock"; }
  std::string url() const { return "unix://" + socket_path(); }
  std::string url(const std::string& login) const {
    return "unix://" + login + "@" + socket_path();
  }

  // Returns once it answers; throws after ten seconds.
  void start() {
    std::vector<std::string> words = {
        "redis-server", "--port", "0",     "--unixsocket", socket_path(), "--save",       "",
        "--appendonly", "no",     "--dir", folder_,        "--logfile",   folder_ / "log"};
    words.insert(words.end(), options_.begin(), options_.end());
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    if (::posix_spawn(&pid_, kProgram, nullptr, nullptr, arguments.data(), environ) != 0) {
      throw std::runtime_error("redis-tools is not installed");
    }
    for (int i = 0; i < 1000; ++i) {
      if (answers()) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    throw std::runtime_error("redis-server does not answer");
  }
  // As kill -9.
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  void restart() {
    kill();
    start();
  }
  // Returns once it is stopped.
  void freeze() {
    ::kill(pid_, SIGSTOP);
    int status = 0;
    ::waitpid(pid_, &status, WUNTRACED);
  }
  void thaw() { ::kill(pid_, SIGCONT); }
  // Ends the connections that listen to channels, and nothing else.
  void cut_off_subscribers() const {
    if (!answers("CLIENT KILL TYPE pubsub\r\n")) throw std::runtime_error("Redis is away");
  }

 private:
  static constexpr const char* kProgram = "/usr/bin/redis-check-rdb";

  // Anything but silence: a server with a password refuses PING.
  bool answers(std::string_view command = "PING\r\n") const {
    const FileDescriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket_path().copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(probe.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      return false;
    }
    char byte = 0;
    const auto sent = ::send(probe.get(), command.data(), command.size(), MSG_NOSIGNAL);
    return sent == static_cast<ssize_t>(command.size()) && ::recv(probe.get(), &byte, 1, 0) == 1;
  }

  const std::vector<std::string> options_;
  std::filesystem::path folder_;
  pid_t pid_ = 0;
};

} // namespace raglan::redis
