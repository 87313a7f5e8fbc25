#include "supervisor/child_metrics.h"

namespace raglan::supervisor {

std::string_view name_of(EndReason reason) {
  switch (reason) {
    case EndReason::kExited: return "exited";
    case EndReason::kUnhealthy: return "unhealthy";
    case EndReason::kSlowStart: return "slow_start";
    case EndReason::kNotStarted: return "not_started";
    case EndReason::kStopped: return "stopped";
  }
  return "unknown";
}

ChildMetrics::ChildMetrics(telemetry::MetricRegistry& metrics, std::string_view child)
    : ready_(&metrics.gauges("raglan_child_ready", "Whether the child process serves.", {"child"})
                  .with(child)),
      starts_(
          &metrics.counters("raglan_child_starts_total", "Starts of the child process.", {"child"})
               .with(child)),
      failed_probes_(&metrics
                          .counters("raglan_child_failed_probes_total",
                                    "Failed probes of the child's health once it was ready.",
                                    {"child"})
                          .with(child)) {
  auto& ends = metrics.counters("raglan_child_ends_total", "Ends of the child process.",
                                {"child", "reason"});
  for (std::size_t i = 0; i < ends_.size(); ++i) {
    ends_[i] = &ends.with(child, name_of(static_cast<EndReason>(i)));
  }
}

} // namespace raglan::supervisor
