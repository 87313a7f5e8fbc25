#include "app/postgres_metrics.h"

#include "app/pool_metrics.h"

namespace raglan::app {
namespace {

using postgres::PoolStatus;
using Labelled = Reading<PoolStatus>;

constexpr Labelled kStates[] = {
    {"idle", [](const PoolStatus& s) { return static_cast<double>(s.idle); }},
    {"in_use", [](const PoolStatus& s) { return static_cast<double>(s.open - s.idle); }},
    {"overflow", [](const PoolStatus& s) { return static_cast<double>(s.overflow); }},
};

constexpr Labelled kClosed[] = {
    {"recycled", [](const PoolStatus& s) { return static_cast<double>(s.recycled); }},
    {"dirty", [](const PoolStatus& s) { return static_cast<double>(s.closed_dirty); }},
};

constexpr Labelled kRefused[] = {
    {"timeout", [](const PoolStatus& s) { return static_cast<double>(s.timeouts); }},
    {"full", [](const PoolStatus& s) { return static_cast<double>(s.refused); }},
};

} // namespace

std::vector<telemetry::Registration> register_postgres_metrics(telemetry::MetricRegistry& metrics,
                                                               const postgres::Client& client) {
  using telemetry::MetricKind;
  const telemetry::Labels pool{{"pool", "postgres"}};
  StatusMetrics<PoolStatus> made(metrics, [&client] { return client.pool_status(); });
  made.add_connections("postgres", kStates);
  made.add(MetricKind::kGauge, "raglan_pool_waiting", "Callers that wait for a connection.", pool,
           [](const PoolStatus& s) { return static_cast<double>(s.waiting); });
  made.add(MetricKind::kCounter, "raglan_pool_opened_total", "Connections opened.", pool,
           [](const PoolStatus& s) { return static_cast<double>(s.opened); });
  made.add_each(MetricKind::kCounter, "raglan_pool_closed_total",
                "Connections closed because of their age, or left in the middle of something.",
                pool, "reason", kClosed);
  made.add_each(MetricKind::kCounter, "raglan_pool_refused_total",
                "Callers that got no connection: none came free in time, or too many waited.", pool,
                "reason", kRefused);
  return made.take();
}

} // namespace raglan::app
