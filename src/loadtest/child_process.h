// A program that runs beside this one: its first line of stdout is read, its stderr goes to a file.
//
//   auto node = ChildProcess::start({.program = "/proc/self/exe", .arguments = {"raglan", "serve"},
//                                    .log = folder / "node.log"});
//   auto line = (*node)->first_line(30s);
//
// It ends with its owner: SIGTERM, and SIGKILL when that has not ended it in kPatience. Should this
// process die first, the kernel sends it SIGTERM (when the thread that started it is gone: start it
// from one that lives as long).
//
// Thread safety: none.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_descriptor.h"
#include "base/result.h"

namespace raglan::loadtest {

struct ChildCommand {
  std::filesystem::path program;
  std::vector<std::string> arguments; // the first is the name it goes by
  std::filesystem::path log;
};

class ChildProcess {
 public:
  static constexpr std::chrono::seconds kPatience{40};

  // Errors: kUnavailable.
  static Result<std::unique_ptr<ChildProcess>> start(const ChildCommand& command);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // kUnavailable when it ended, or said nothing, before; with the last line of its log.
  Result<std::string> first_line(Duration patience);
  bool running();
  // Idempotent.
  void stop();
  // The last line of what it wrote to stderr.
  std::string last_words() const;

 private:
  ChildProcess(pid_t pid, FileDescriptor out, std::filesystem::path log)
      : pid_(pid), out_(std::move(out)), log_(std::move(log)) {}

  pid_t pid_;
  FileDescriptor out_;
  const std::filesystem::path log_;
};

} // namespace raglan::loadtest
