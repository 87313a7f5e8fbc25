// What this process uses, and what it may use: CPU, memory, files, threads, and the limits of its
// control group (v2, v1, or a mixture of both, as some hosts have).
//
// In a container the machine's figures mislead: 64 cores are visible where a quota allows two. So
// every limit here is the smallest that applies: of the group, of each group above it, and of the
// machine.
//
// All is read from /proc and /sys/fs/cgroup under a root that tests replace. What cannot be read is
// 0 or nullopt, never an error: a missing figure must not stop a server. Each call reads files
// (tens of microseconds): for scrapes and start-up, not for requests. Thread safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "telemetry/metric_registry.h"

namespace raglan::telemetry {

struct ProcessUsage {
  double cpu_seconds = 0;        // user and system
  double start_time_seconds = 0; // since the Unix epoch
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t threads = 0;
};

class ResourceReader {
 public:
  explicit ResourceReader(std::filesystem::path root = "/");

  ProcessUsage process() const;
  std::uint64_t open_fds() const;
  std::uint64_t max_fds() const;

  // The CPU quota in cores; nullopt without one.
  std::optional<double> cpu_quota_cores() const;
  // Cores that this process can keep busy: its affinity and its quota, rounded up; at least 1.
  int available_cores() const;

  // The group's limit or the machine's memory, whichever is less; nullopt when neither can be read.
  std::optional<std::uint64_t> memory_limit_bytes() const;
  // The group's memory without file cache that the kernel can take back at once (the kubelet's
  // "working set"); without a group, the process's resident memory.
  std::uint64_t memory_usage_bytes() const;

 private:
  // The directories that hold a controller's files for this process: its own group first, then each
  // above it. Empty when the controller is not there.
  std::vector<std::filesystem::path> groups_v1(std::string_view controller) const;
  std::vector<std::filesystem::path> groups_v2() const;

  const std::filesystem::path root_;
};

// Registers process_* (the names that every Prometheus client uses) and raglan_cpu_available_cores,
// raglan_memory_limit_bytes, raglan_memory_usage_bytes. Drop the result to remove them.
[[nodiscard]] std::vector<Registration> register_resource_metrics(MetricRegistry& metrics,
                                                                  ResourceReader reader);

} // namespace raglan::telemetry
