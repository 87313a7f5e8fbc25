// The metrics of the connections to PostgreSQL, and of its replicas.
#pragma once

#include <string>
#include <vector>

#include "postgres/client.h"
#include "postgres_store/replicas.h"
#include "telemetry/metric_registry.h"

namespace raglan::app {

// `client` must outlive them.
std::vector<telemetry::Registration> register_postgres_metrics(telemetry::MetricRegistry& metrics,
                                                               const std::string& pool,
                                                               const postgres::Client& client);
// Of one replica, whose number is `label`. They must outlive them.
std::vector<telemetry::Registration> register_replica_metrics(
    telemetry::MetricRegistry& metrics, const std::string& label,
    const postgres_store::Replicas& replicas, std::size_t replica);

} // namespace raglan::app
