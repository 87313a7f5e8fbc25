#include "loadtest/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include <fmt/format.h>

namespace raglan::loadtest {
namespace {

constexpr std::chrono::milliseconds kLook{10};

// In the child, where another thread may have held any lock at the fork: system calls only.
[[noreturn]] void become(const char* program, char* const* arguments, int out, int log) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  sigset_t none;
  sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
  if (::dup2(out, STDOUT_FILENO) >= 0 && ::dup2(log, STDERR_FILENO) >= 0) {
    ::execv(program, arguments);
  }
  ::_exit(127);
}

MonotonicTime now() { return SystemClock::instance().now(); }

} // namespace

Result<std::unique_ptr<ChildProcess>> ChildProcess::start(const ChildCommand& command) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(ErrorCode::kUnavailable, "no pipe can be made");
  FileDescriptor out(ends[0]);
  const FileDescriptor child_out(ends[1]);
  const FileDescriptor log(
      ::open(command.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!log) return fail(ErrorCode::kUnavailable, "a log cannot be written");
  std::vector<std::string> words = command.arguments;
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) return fail(ErrorCode::kUnavailable, "no process can be started");
  if (pid == 0) become(command.program.c_str(), arguments.data(), child_out.get(), log.get());
  return std::unique_ptr<ChildProcess>(new ChildProcess(pid, std::move(out), command.log));
}

ChildProcess::~ChildProcess() { stop(); }

Result<std::string> ChildProcess::first_line(Duration patience) {
  const MonotonicTime give_up = now() + patience;
  std::string line;
  while (now() < give_up) {
    pollfd waiting{out_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, 100) <= 0) continue;
    char c = 0;
    if (::read(out_.get(), &c, 1) <= 0) break;
    if (c == '\n') return line;
    line += c;
  }
  return fail(ErrorCode::kUnavailable, last_words());
}

bool ChildProcess::running() {
  if (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
  return pid_ > 0;
}

void ChildProcess::stop() {
  if (!running()) return;
  ::kill(pid_, SIGTERM);
  const MonotonicTime give_up = now() + kPatience;
  while (running()) {
    if (now() >= give_up) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      pid_ = -1;
      return;
    }
    std::this_thread::sleep_for(kLook);
  }
}

std::string ChildProcess::last_words() const {
  std::ifstream log(log_);
  std::string last = "it said nothing";
  for (std::string line; std::getline(log, line);) {
    if (!line.empty()) last = line;
  }
  return last;
}

} // namespace raglan::loadtest
