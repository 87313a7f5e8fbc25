// What every pool of connections is measured by.
#pragma once

#include <string_view>

#include "telemetry/metric_registry.h"

namespace raglan::app {

// How long callers waited for a connection of this pool.
inline telemetry::Histogram& pool_wait_histogram(telemetry::MetricRegistry& metrics,
                                                 std::string_view pool) {
  return metrics
      .histograms("raglan_pool_wait_seconds", "How long callers waited for a connection.", {"pool"})
      .with(pool);
}

} // namespace raglan::app
