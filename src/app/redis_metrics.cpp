#include "app/redis_metrics.h"

#include <functional>
#include <string_view>
#include <utility>

namespace raglan::app {
namespace {

using redis::ClientStats;
using Reading = double (*)(const ClientStats&);

struct Labelled {
  std::string_view label;
  Reading read;
};

constexpr Labelled kStates[] = {
    {"idle", [](const ClientStats& s) { return static_cast<double>(s.idle); }},
    {"in_use", [](const ClientStats& s) { return static_cast<double>(s.in_use); }},
    {"connecting", [](const ClientStats& s) { return static_cast<double>(s.connecting); }},
};

constexpr Labelled kErrors[] = {
    {"timeout", [](const ClientStats& s) { return static_cast<double>(s.timeouts); }},
    {"unavailable", [](const ClientStats& s) { return static_cast<double>(s.unavailable); }},
    {"broken", [](const ClientStats& s) { return static_cast<double>(s.broken); }},
    {"refused", [](const ClientStats& s) { return static_cast<double>(s.refused_replies); }},
    {"overloaded", [](const ClientStats& s) { return static_cast<double>(s.overloaded); }},
    {"breaker", [](const ClientStats& s) { return static_cast<double>(s.refused_by_breaker); }},
};

} // namespace

std::vector<telemetry::Registration> register_redis_metrics(telemetry::MetricRegistry& metrics,
                                                            const redis::Client& client) {
  using telemetry::MetricKind;
  std::vector<telemetry::Registration> registrations;
  const auto add = [&](MetricKind kind, std::string_view name, std::string_view help,
                       telemetry::Labels labels, Reading read) {
    registrations.push_back(metrics.callback(kind, name, help, std::move(labels),
                                             [&client, read] { return read(client.stats()); }));
  };
  for (const auto& [state, read] : kStates) {
    add(MetricKind::kGauge, "raglan_pool_connections", "Connections of a pool.",
        {{"pool", "redis"}, {"state", std::string(state)}}, read);
  }
  for (const auto& [kind, read] : kErrors) {
    add(MetricKind::kCounter, "raglan_redis_errors_total", "Redis commands without a good reply.",
        {{"kind", std::string(kind)}}, read);
  }
  add(MetricKind::kCounter, "raglan_redis_commands_total", "Commands asked of Redis.", {},
      [](const ClientStats& s) { return static_cast<double>(s.commands); });
  return registrations;
}

telemetry::Registration register_fleet_metric(telemetry::MetricRegistry& metrics,
                                              const redis::Fleet& fleet) {
  return metrics.callback(telemetry::MetricKind::kGauge, "raglan_nodes",
                          "Nodes that share this Redis, this one included.", {},
                          [&fleet] { return static_cast<double>(fleet.size()); });
}

} // namespace raglan::app
