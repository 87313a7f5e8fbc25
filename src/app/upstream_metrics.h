// The metrics of every upstream alike: requests, how long they took, and the state of its breaker.
#pragma once

#include <functional>
#include <string_view>

#include "base/clock.h"
#include "policy/circuit_breaker.h"
#include "telemetry/metric_registry.h"

namespace raglan::app {

// Counts one request, by its status or the name of the error that it ended with. `upstream` is a
// literal.
std::function<void(std::string_view code, Duration took)> observe_upstream(
    telemetry::MetricRegistry& metrics, std::string_view upstream);

telemetry::Registration register_breaker(telemetry::MetricRegistry& metrics,
                                         std::string_view upstream,
                                         std::function<policy::BreakerStatus()> status);

} // namespace raglan::app
