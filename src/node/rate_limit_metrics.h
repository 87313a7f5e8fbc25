// Metrics of auth/rate_limits.h.
#pragma once

#include <vector>

#include "auth/rate_limits.h"
#include "telemetry/metric_registry.h"

namespace raglan::node {

std::vector<telemetry::Registration> register_rate_limit_metrics(telemetry::MetricRegistry& metrics,
                                                                 const auth::RateLimits& limits);

} // namespace raglan::node
