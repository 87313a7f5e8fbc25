// What there is to know of a supervised child process, and what is asked for it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "policy/restart.h"
#include "supervisor/child_process.h"

namespace raglan::supervisor {

struct ChildSpec {
  std::string name; // in log lines and metrics
  Command command;
  // Answered with 2xx when the child can serve, on the same port after each restart.
  std::string health_url;
  policy::RestartConfig restart;
  std::chrono::milliseconds startup_probe_interval{100};
  std::chrono::milliseconds probe_interval{2'000};
  std::chrono::milliseconds probe_timeout{2'000};
  std::chrono::milliseconds stop_grace{10'000}; // between SIGTERM and SIGKILL
  // What it says goes here, or, when empty, into this process's log, a line each.
  std::filesystem::path output_file;
  std::uint64_t max_output_bytes = 4 << 20;
};

enum class ChildState {
  kStarting,   // it runs, and has not been healthy yet
  kReady,      // its last probes say that it serves
  kBackingOff, // it has ended, and will be started again
  kGivenUp,    // it ended too often in a row
  kStopped,    // it was stopped
};
std::string_view name_of(ChildState state);

struct ChildStatus {
  ChildState state = ChildState::kStarting;
  pid_t pid = 0; // 0: none runs
  std::uint64_t starts = 0;
  std::string last_end; // why the last one ended, for people; empty: none has
};

} // namespace raglan::supervisor
