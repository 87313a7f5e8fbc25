// What /metrics says about credentials.
#pragma once

#include <vector>

#include "auth/authenticator.h"
#include "telemetry/metric_registry.h"

namespace raglan::app {

// `authenticator` must outlive them.
inline std::vector<telemetry::Registration> register_auth_metrics(
    telemetry::MetricRegistry& metrics, const auth::Authenticator& authenticator) {
  std::vector<telemetry::Registration> registrations;
  const auto add = [&](std::string result, std::uint64_t auth::AuthStats::* member) {
    registrations.push_back(metrics.callback(
        telemetry::MetricKind::kCounter, "raglan_auth_total",
        "Requests that needed credentials, by what came of them.", {{"result", std::move(result)}},
        [&authenticator, member] { return static_cast<double>(authenticator.stats().*member); }));
  };
  add("accepted", &auth::AuthStats::accepted);
  add("refused", &auth::AuthStats::refused);
  add("failed", &auth::AuthStats::failed);
  return registrations;
}

} // namespace raglan::app
