#include "node/rate_limit_metrics.h"

#include <string>
#include <utility>

namespace raglan::node {

using auth::RateLimitsStats;
using policy::Tier;
using telemetry::MetricKind;

std::vector<telemetry::Registration> register_rate_limit_metrics(telemetry::MetricRegistry& metrics,
                                                                 const auth::RateLimits& limits) {
  std::vector<telemetry::Registration> registrations;
  const auto add = [&](Tier tier, std::string_view limit, auto RateLimitsStats::* member) {
    registrations.push_back(metrics.callback(
        MetricKind::kCounter, "raglan_rate_limited_total",
        "Requests refused because their tenant's limit was reached.",
        {{"tier", std::string(policy::tier_name(tier))}, {"limit", std::string(limit)}},
        [&limits, tier, member] {
          return static_cast<double>((limits.stats().*member)[policy::index_of(tier)]);
        }));
  };
  for (const Tier tier : {Tier::kVip, Tier::kPaid, Tier::kFree}) {
    add(tier, "requests", &RateLimitsStats::requests_exceeded);
    add(tier, "tokens", &RateLimitsStats::tokens_exceeded);
  }
  registrations.push_back(metrics.callback(
      MetricKind::kCounter, "raglan_rate_limit_local_total",
      "Decisions about limits by this node's share of them, as Redis did not answer.", {},
      [&limits] { return static_cast<double>(limits.stats().local); }));
  return registrations;
}

} // namespace raglan::node
