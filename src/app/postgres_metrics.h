// The metrics of the connections to PostgreSQL.
#pragma once

#include <vector>

#include "postgres/client.h"
#include "telemetry/metric_registry.h"

namespace raglan::app {

// `client` must outlive them.
std::vector<telemetry::Registration> register_postgres_metrics(telemetry::MetricRegistry& metrics,
                                                               const postgres::Client& client);

} // namespace raglan::app
