// A program that claims are measured with: its first line of stdout is read, its stderr goes to a
// file. It ends with its owner, and with the thread that started it (supervisor/child_process.h).
//
//   auto node = LoggedProcess::start({.program = "/proc/self/exe", .arguments = {"serve"},
//                                     .errors = folder / "node.log"});
//   auto line = (*node)->first_line(30s);
//
// Thread safety: none.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "supervisor/child_process.h"

namespace raglan::loadtest {

class LoggedProcess {
 public:
  static constexpr std::chrono::seconds kPatience{40}; // between SIGTERM and SIGKILL

  // Errors: kUnavailable.
  static Result<std::unique_ptr<LoggedProcess>> start(const supervisor::Command& command);
  ~LoggedProcess() { process_->stop(kPatience); }
  LoggedProcess(const LoggedProcess&) = delete;
  LoggedProcess& operator=(const LoggedProcess&) = delete;

  // kUnavailable when it ended, or said nothing, before; with its last words.
  Result<std::string> first_line(Duration patience);
  bool running() { return !process_->reap(); }
  // The last line of what it wrote to stderr.
  std::string last_words() const;

 private:
  LoggedProcess(std::unique_ptr<supervisor::ChildProcess> process, std::filesystem::path log)
      : process_(std::move(process)), log_(std::move(log)) {}

  const std::unique_ptr<supervisor::ChildProcess> process_;
  const std::filesystem::path log_;
};

} // namespace raglan::loadtest
