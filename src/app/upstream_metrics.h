// The requests of every upstream alike: how many, how they ended, how long they took.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "model/generator.h"
#include "policy/hedge.h"
#include "policy/pacer.h"
#include "redis/fleet.h"
#include "telemetry/metric_registry.h"

namespace raglan::app {

// Counts one request, by its status or the name of the error that it ended with.
std::function<void(std::string_view code, Duration took)> observe_upstream(
    telemetry::MetricRegistry& metrics, std::string upstream);

// Counts what a language model has read and written, by its own count.
std::function<void(const model::GenerationUsage&)> count_tokens(telemetry::MetricRegistry& metrics,
                                                                std::string_view upstream,
                                                                std::string_view model);

// How much of its quota is used (policy/pacer.h).
std::vector<telemetry::Registration> register_quota_metrics(
    telemetry::MetricRegistry& metrics, std::string_view upstream,
    const std::function<policy::PacerStatus()>& status);

// How many of an upstream's calls were made twice (policy/hedge.h).
std::vector<telemetry::Registration> register_hedge_metrics(
    telemetry::MetricRegistry& metrics, std::string_view upstream,
    const std::function<policy::HedgeStatus()>& status);

// Among how many nodes an upstream's quota is divided; without a fleet empty: one. The fleet must
// outlive it.
std::function<std::size_t()> count_nodes(const redis::Fleet* fleet);

} // namespace raglan::app
