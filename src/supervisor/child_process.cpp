#include "supervisor/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
extern "C" { // which glibc 2.36 forgot
#include <sys/pidfd.h>
}

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <string_view>

#include <fmt/format.h>

namespace raglan::supervisor {
namespace {

struct Pipe {
  FileDescriptor read;
  FileDescriptor write;
};

std::optional<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  return Pipe{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

// Null-terminated pointers into the strings, as exec wants them.
std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> all;
  all.reserve(strings.size() + 1);
  for (std::string& text : strings) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

std::vector<std::string> environment_with(const std::vector<std::string>& changes) {
  std::vector<std::string> all = changes;
  for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('=') + 1);
    const bool replaced = std::ranges::any_of(
        changes, [&](const std::string& change) { return change.starts_with(name); });
    if (!replaced) all.emplace_back(text);
  }
  return all;
}

struct Start {
  const char* program;
  char* const* arguments;
  char* const* environment;
  int output;
  int errors;
  int report; // takes errno when the program cannot be run
  int priority;
  pid_t parent;
};

void reset_signals() {
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

// In the child, where another thread may have held any lock at the fork: system calls only.
[[noreturn]] void become(const Start& start) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have gone before that was said.
  if (::getppid() != start.parent) ::_exit(127);
  reset_signals();
  ::setpriority(PRIO_PROCESS, 0, start.priority);
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (::dup2(nothing, STDIN_FILENO) >= 0 && ::dup2(start.output, STDOUT_FILENO) >= 0 &&
      ::dup2(start.errors, STDERR_FILENO) >= 0 &&
      ::close_range(STDERR_FILENO + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC) == 0) {
    ::execve(start.program, start.arguments, start.environment);
  }
  const int why = errno;
  (void)!::write(start.report, &why, sizeof why);
  ::_exit(127);
}

// Waits until the program runs, or cannot.
bool runs(int report) {
  int why = 0;
  ssize_t got = 0;
  do {
    got = ::read(report, &why, sizeof why);
  } while (got < 0 && errno == EINTR);
  return got == 0; // closed by the exec
}

std::unexpected<Error> cannot_start() {
  return fail(ErrorCode::kUnavailable, "a child process cannot be started");
}

int milliseconds_of(Duration patience) {
  const auto whole = std::chrono::ceil<std::chrono::milliseconds>(patience).count();
  return static_cast<int>(std::clamp<std::int64_t>(whole, 0, INT_MAX));
}

} // namespace

std::string describe(const ExitStatus& status) {
  return status.signal != 0 ? fmt::format("signal {}", status.signal)
                            : fmt::format("exit code {}", status.code);
}

Result<std::unique_ptr<ChildProcess>> ChildProcess::start(const Command& command) {
  auto output = make_pipe();
  auto report = make_pipe();
  if (!output || !report) return cannot_start();
  ::fcntl(output->read.get(), F_SETFL, O_NONBLOCK);
  FileDescriptor errors;
  if (!command.errors.empty()) {
    errors = FileDescriptor(
        ::open(command.errors.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    if (!errors) return cannot_start();
  }
  const std::string program = command.program.string();
  std::vector<std::string> words = {command.name.empty() ? program : command.name};
  words.insert(words.end(), command.arguments.begin(), command.arguments.end());
  std::vector<std::string> variables = environment_with(command.environment);
  const std::vector<char*> arguments = pointers(words);
  const std::vector<char*> environment = pointers(variables);
  const int priority = ::getpriority(PRIO_PROCESS, 0) + command.niceness;
  const Start start{.program = program.c_str(),
                    .arguments = arguments.data(),
                    .environment = environment.data(),
                    .output = output->write.get(),
                    .errors = errors ? errors.get() : output->write.get(),
                    .report = report->write.get(),
                    .priority = priority,
                    .parent = ::getpid()};
  const pid_t pid = ::fork();
  if (pid < 0) return cannot_start();
  if (pid == 0) become(start);
  ::setpgid(pid, pid); // here too: a signal to the group must not come before the child's own call
  report->write = {};
  FileDescriptor ended(::pidfd_open(pid, 0));
  if (!runs(report->read.get()) || !ended) {
    ::kill(-pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return fail(ErrorCode::kUnavailable,
                fmt::format("{} cannot be run", command.program.filename().string()));
  }
  return std::unique_ptr<ChildProcess>(
      new ChildProcess(pid, std::move(ended), std::move(output->read)));
}

ChildProcess::~ChildProcess() {
  if (!status_) stop(Duration::zero());
}

// The group's number is its own for as long as its leader is not collected.
void ChildProcess::terminate() const {
  if (!status_) ::kill(-pid_, SIGTERM);
}

void ChildProcess::kill() const {
  if (!status_) ::kill(-pid_, SIGKILL);
}

std::optional<ExitStatus> ChildProcess::reap() { return wait(Duration::zero()); }

std::optional<ExitStatus> ChildProcess::wait(Duration patience) {
  if (status_) return status_;
  pollfd waiting{ended_.get(), POLLIN, 0};
  if (::poll(&waiting, 1, milliseconds_of(patience)) <= 0) return std::nullopt;
  ::kill(-pid_, SIGKILL);
  int status = 0;
  if (::waitpid(pid_, &status, 0) != pid_) return status_ = ExitStatus{};
  status_ = WIFSIGNALED(status) ? ExitStatus{.signal = WTERMSIG(status)}
                                : ExitStatus{.code = WEXITSTATUS(status)};
  return status_;
}

ExitStatus ChildProcess::stop(Duration grace) {
  if (grace > Duration::zero()) {
    terminate();
    if (const auto status = wait(grace)) return *status;
  }
  kill();
  for (;;) { // EINTR
    if (const auto status = wait(std::chrono::hours(1))) return *status;
  }
}

} // namespace raglan::supervisor
