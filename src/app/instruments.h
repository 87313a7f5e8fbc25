// What a process is observed by: its metrics, and its circuit breakers.
#pragma once

#include "node/breaker_board.h"
#include "telemetry/metric_registry.h"

namespace raglan::app {

struct Instruments {
  telemetry::MetricRegistry metrics;
  node::BreakerBoard breakers{metrics};
};

} // namespace raglan::app
