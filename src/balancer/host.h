// A node behind the balancer: where it is, and what all loops know of it together.
//
// Thread safety: any thread. What is counted is exact; what is estimated may lose an update when
// two loops make one in the same moment.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <string>

#include "base/clock.h"

namespace raglan::balancer {

struct HostAddress {
  std::string name; // "10.0.0.7:8080", for the log, metrics, and a Host field
  sockaddr_storage address{};
  socklen_t address_bytes = 0;
};

class Host {
 public:
  Host(HostAddress address, std::uint32_t host_weight);

  const HostAddress address;
  const std::uint64_t id; // a hash of its name
  std::atomic<std::uint32_t> weight;

  // Whether requests may be sent to it: well, not ejected, or nobody is.
  std::atomic<bool> in_rotation = false;
  // The rotation, the last time; long ago.
  std::atomic<MonotonicTime> joined_at{MonotonicTime() - std::chrono::hours(24)};

  std::atomic<std::uint32_t> in_flight = 0; // requests
  std::atomic<std::uint64_t> requests = 0;  // that it was given, so far
  std::atomic<std::uint64_t> connections = 0;
  std::atomic<std::uint64_t> connect_failures = 0;
  std::atomic<std::uint64_t> timeouts = 0;    // requests that it did not answer in time
  std::atomic<std::uint64_t> broken = 0;      // requests whose connection was lost
  std::atomic<std::uint64_t> answers[6] = {}; // by the first digit of their status

  // Whether its last exchange failed: what the fleet looks at first.
  std::atomic<bool> failing = false;

  // How long it takes to the end of an answer (policy/host_estimates.h). Zero: nothing is known.
  void note_latency(Duration took, MonotonicTime now);
  Duration latency() const { return latency_.load(std::memory_order_relaxed); }

  // Requests that it failed or turned away; and what strategies take for its requests in flight,
  // those among them (likewise).
  void note_failure(MonotonicTime now);
  std::uint32_t load(MonotonicTime now) const;

 private:
  double failures(MonotonicTime now) const;

  std::atomic<Duration> latency_{};
  std::atomic<MonotonicTime> latency_at_{};
  std::atomic<double> failures_ = 0; // at that time
  std::atomic<MonotonicTime> failed_at_{};
};

} // namespace raglan::balancer
