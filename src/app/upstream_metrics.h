// The requests of every upstream alike: how many, how they ended, how long they took.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "telemetry/metric_registry.h"

namespace raglan::app {

// Counts one request, by its status or the name of the error that it ended with.
std::function<void(std::string_view code, Duration took)> observe_upstream(
    telemetry::MetricRegistry& metrics, std::string upstream);

} // namespace raglan::app
