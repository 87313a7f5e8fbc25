// What /metrics says about the Redis client: its pools, its errors, its servers.
#pragma once

#include <vector>

#include "redis/client.h"
#include "redis/fleet.h"
#include "telemetry/metric_registry.h"

namespace raglan::app {

// What a client is to be made with.
redis::ClientInstruments redis_instruments(telemetry::MetricRegistry& metrics);
// The client must outlive the registrations.
std::vector<telemetry::Registration> register_redis_metrics(telemetry::MetricRegistry& metrics,
                                                            const redis::Client& client);
// Likewise the fleet.
telemetry::Registration register_fleet_metric(telemetry::MetricRegistry& metrics,
                                              const redis::Fleet& fleet);

} // namespace raglan::app
