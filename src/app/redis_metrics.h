// What /metrics says about the Redis client: its pool, its errors, its breaker.
#pragma once

#include <vector>

#include "redis/client.h"
#include "redis/fleet.h"
#include "telemetry/metric_registry.h"

namespace raglan::app {

// The client must outlive the registrations.
std::vector<telemetry::Registration> register_redis_metrics(telemetry::MetricRegistry& metrics,
                                                            const redis::Client& client);
// Likewise the fleet.
telemetry::Registration register_fleet_metric(telemetry::MetricRegistry& metrics,
                                              const redis::Fleet& fleet);

} // namespace raglan::app
