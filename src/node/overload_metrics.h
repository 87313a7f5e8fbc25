// Metrics of rag/overload.h.
#pragma once

#include <vector>

#include "rag/overload.h"
#include "telemetry/metric_registry.h"

namespace raglan::node {

// For the Overload to be made with; counts each decision and how long it took.
rag::Overload::OnDecision count_decisions(telemetry::MetricRegistry& metrics);

std::vector<telemetry::Registration> register_overload_metrics(telemetry::MetricRegistry& metrics,
                                                               rag::Overload& overload);

} // namespace raglan::node
