// The metrics of every upstream alike: requests, how long they took, and the state of its breaker.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "policy/circuit_breaker.h"
#include "telemetry/metric_registry.h"

namespace raglan::app {

// Counts one request, by its status or the name of the error that it ended with.
std::function<void(std::string_view code, Duration took)> observe_upstream(
    telemetry::MetricRegistry& metrics, std::string upstream);

telemetry::Registration register_breaker(telemetry::MetricRegistry& metrics,
                                         const std::string& upstream,
                                         std::function<policy::BreakerStatus()> status);

} // namespace raglan::app
