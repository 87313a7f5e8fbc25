// What /metrics says of each host.
//
// Thread safety: `watch` runs on one loop.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <vector>

#include "balancer/fleet.h"
#include "net/task.h"
#include "telemetry/metric_registry.h"

namespace raglan::balancer {

class HostMetrics {
 public:
  // Both must outlive it.
  HostMetrics(telemetry::MetricRegistry& metrics, const Fleet& fleet);

  // Follows who joins and leaves, until the loop ends.
  net::Task<void> watch();

 private:
  using Registrations = std::vector<telemetry::Registration>;

  void refresh();
  Registrations registrations(const std::shared_ptr<Host>& host);

  telemetry::MetricRegistry& metrics_;
  const Fleet& fleet_;
  std::uint64_t version_ = 0;
  std::map<std::shared_ptr<Host>, Registrations> of_host_;
  telemetry::Registration panicking_;
};

} // namespace raglan::balancer
