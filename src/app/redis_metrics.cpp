#include "app/redis_metrics.h"

#include "app/pool_metrics.h"

namespace raglan::app {
namespace {

using redis::ClientStats;
using Labelled = Reading<ClientStats>;

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

constexpr Labelled kRefreshes[] = {
    {"ok",
     [](const ClientStats& s) { return static_cast<double>(s.refreshes - s.failed_refreshes); }},
    {"failed", [](const ClientStats& s) { return static_cast<double>(s.failed_refreshes); }},
};

} // namespace

redis::ClientInstruments redis_instruments(telemetry::MetricRegistry& metrics) {
  return {
      .wait_seconds = &pool_wait_histogram(metrics, "redis"),
      .commands = &metrics.counters("raglan_redis_server_commands_total",
                                    "Commands sent to a Redis server.", {"server"}),
      .failures = &metrics.counters("raglan_redis_server_failures_total",
                                    "Commands that a Redis server did not answer.", {"server"}),
  };
}

std::vector<telemetry::Registration> register_redis_metrics(telemetry::MetricRegistry& metrics,
                                                            const redis::Client& client) {
  using telemetry::MetricKind;
  StatusMetrics<ClientStats> made(metrics, [&client] { return client.stats(); });
  made.add_connections("redis", kStates);
  made.add_each(MetricKind::kCounter, "raglan_redis_errors_total",
                "Redis commands without a good reply.", {}, "kind", kErrors);
  made.add(MetricKind::kCounter, "raglan_redis_commands_total", "Commands asked of Redis.", {},
           [](const ClientStats& s) { return static_cast<double>(s.commands); });
  made.add(MetricKind::kCounter, "raglan_redis_redirects_total",
           "Commands that a server of a cluster sent elsewhere.", {},
           [](const ClientStats& s) { return static_cast<double>(s.redirected); });
  made.add_each(MetricKind::kCounter, "raglan_redis_refreshes_total",
                "Times that sentinels or the cluster were asked for the servers.", {}, "result",
                kRefreshes);
  made.add(MetricKind::kCounter, "raglan_redis_topology_changes_total",
           "Times that they named others than before.", {},
           [](const ClientStats& s) { return static_cast<double>(s.topologies); });
  made.add(MetricKind::kGauge, "raglan_redis_servers", "Servers that commands go to.", {},
           [](const ClientStats& s) { return static_cast<double>(s.servers); });
  made.add(MetricKind::kGauge, "raglan_redis_uncovered_slots",
           "Slots of the cluster that are nobody's.", {},
           [](const ClientStats& s) { return static_cast<double>(s.uncovered_slots); });
  return made.take();
}

telemetry::Registration register_fleet_metric(telemetry::MetricRegistry& metrics,
                                              const redis::Fleet& fleet) {
  return metrics.callback(telemetry::MetricKind::kGauge, "raglan_nodes",
                          "Nodes that share this Redis, this one included.", {},
                          [&fleet] { return static_cast<double>(fleet.size()); });
}

} // namespace raglan::app
