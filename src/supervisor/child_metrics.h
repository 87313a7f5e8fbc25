// What is counted of each supervised child.
#pragma once

#include <array>
#include <string_view>

#include "telemetry/metric_registry.h"

namespace raglan::supervisor {

enum class EndReason {
  kExited,     // by itself, or by somebody else's signal
  kUnhealthy,  // killed: it hung
  kSlowStart,  // killed: it was not healthy in time
  kNotStarted, // the program could not be run
  kStopped,    // as asked
};
std::string_view name_of(EndReason reason);

class ChildMetrics {
 public:
  ChildMetrics(telemetry::MetricRegistry& metrics, std::string_view child);

  void ready(bool ready) { ready_->set(ready ? 1 : 0); }
  void started() { starts_->add(); }
  void ended(EndReason reason) { ends_[static_cast<std::size_t>(reason)]->add(); }
  void probe_failed() { failed_probes_->add(); }

 private:
  telemetry::Gauge* ready_;
  telemetry::Counter* starts_;
  telemetry::Counter* failed_probes_;
  std::array<telemetry::Counter*, 5> ends_;
};

} // namespace raglan::supervisor
