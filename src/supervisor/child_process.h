// A program that runs beside this one and ends with it.
//
//   auto child = ChildProcess::start({.program = "/bin/sh", .arguments = {"-c", "echo ready"}});
//   …read child->output()…
//   const ExitStatus status = (*child)->stop(5s);
//
// The child leads a process group of its own: a Ctrl-C at the terminal ends this process, which
// then ends its children in its own order, and what the child has started is signalled with it.
// When the thread that started it is gone, however it went (kill -9 of the process included), the
// kernel kills the child (PR_SET_PDEATHSIG): start children from a thread that lives as long as
// they may. Of processes that the child has started the kernel knows nothing then; they are its to
// end.
//
// Its stdin is empty, its stdout and (unless it goes to a file) stderr are one pipe, `output()`:
// whoever owns it reads that, or the child stands still when 64 KiB wait. It inherits no other
// descriptor, no ignored signal and no signal mask. A secret goes into its environment, which only
// its own user can read, and not into its arguments, which everybody can.
//
// Rejected: posix_spawn, which can set no death signal.
//
// Thread safety: none.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_descriptor.h"
#include "base/result.h"

namespace raglan::supervisor {

struct Command {
  std::filesystem::path program;        // a path; PATH is not searched
  std::string name;                     // that it goes by (argv[0]); empty: the path
  std::vector<std::string> arguments;   // without the program's own name
  std::vector<std::string> environment; // NAME=VALUE, beside or instead of what this process has
  int niceness = 0;                     // added to this process's: it yields to what matters more
  std::filesystem::path errors;         // stderr is appended to this file; empty: to the output
};

struct ExitStatus {
  int code = 0;   // when no signal ended it
  int signal = 0; // 0: it ended by itself
  bool operator==(const ExitStatus&) const = default;
};
// "exit code 1", "signal 9"
std::string describe(const ExitStatus& status);

class ChildProcess {
 public:
  // Returns once the program runs. Errors: kUnavailable (it cannot be run, or there are no more
  // processes).
  static Result<std::unique_ptr<ChildProcess>> start(const Command& command);
  // Kills it.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  // Readable once it has ended.
  int ended() const { return ended_.get(); }
  // What it says; does not block.
  int output() const { return output_.get(); }

  // SIGTERM, SIGKILL: to its whole group. Nothing when it is over.
  void terminate() const;
  void kill() const;
  // How it ended; empty while it runs. What is left of its group is killed.
  std::optional<ExitStatus> reap();
  // As reap, but blocks for it.
  std::optional<ExitStatus> wait(Duration patience);
  // SIGTERM, and SIGKILL when that has not ended it within `grace`. Blocks.
  ExitStatus stop(Duration grace);

 private:
  ChildProcess(pid_t pid, FileDescriptor ended, FileDescriptor output)
      : pid_(pid), ended_(std::move(ended)), output_(std::move(output)) {}

  const pid_t pid_;
  const FileDescriptor ended_; // a pidfd
  const FileDescriptor output_;
  std::optional<ExitStatus> status_; // once it has been collected
};

} // namespace raglan::supervisor
