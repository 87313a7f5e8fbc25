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
                                                               const std::string& pool_name,
                                                               const postgres::Client& client) {
  using telemetry::MetricKind;
  const telemetry::Labels pool{{"pool", pool_name}};
  StatusMetrics<PoolStatus> made(metrics, [&client] { return client.pool_status(); });
  made.add_connections(pool_name, kStates);
  made.add(MetricKind::kGauge, "raglan_pool_waiting", "Callers that wait for a connection.", pool,
           [](const PoolStatus& s) { return static_cast<double>(s.waiting); });
  made.add(MetricKind::kCounter, "raglan_pool_opened_total", "Connections opened.", pool,
           [](const PoolStatus& s) { return static_cast<double>(s.opened); });
  made.add(MetricKind::kCounter, "raglan_pool_server_full_total",
           "Connections that could not be opened as the server had none left.", pool,
           [](const PoolStatus& s) { return static_cast<double>(s.server_full); });
  made.add_each(MetricKind::kCounter, "raglan_pool_closed_total",
                "Connections closed because of their age, or left in the middle of something.",
                pool, "reason", kClosed);
  made.add_each(MetricKind::kCounter, "raglan_pool_refused_total",
                "Callers that got no connection: none came free in time, or too many waited.", pool,
                "reason", kRefused);
  return made.take();
}

std::vector<telemetry::Registration> register_replica_metrics(
    telemetry::MetricRegistry& metrics, const std::string& label,
    const postgres_store::Replicas& replicas, std::size_t replica) {
  using postgres_store::RepeatReason;
  using Status = postgres_store::Replicas::Status;
  using telemetry::MetricKind;
  const telemetry::Labels labels{{"replica", label}};
  StatusMetrics<Status> made(metrics, [&replicas, replica] { return replicas.status(replica); });
  made.add(MetricKind::kGauge, "raglan_replica_in_rotation",
           "Whether a read replica of the store is asked.", labels,
           [](const Status& s) { return s.state == policy::ReplicaState::kServing ? 1.0 : 0.0; });
  made.add(MetricKind::kGauge, "raglan_replica_lag_seconds",
           "How far a read replica of the store is behind; -1 when that is not known.", labels,
           [](const Status& s) {
             return s.behind ? std::chrono::duration<double>(*s.behind).count() : -1.0;
           });
  made.add(MetricKind::kCounter, "raglan_replica_reads_total",
           "Reads that a replica of the store answered.", labels,
           [](const Status& s) { return static_cast<double>(s.served); });
  std::vector<telemetry::Registration> all = made.take();
  for (std::size_t i = 0; i < postgres_store::kRepeatReasons; ++i) {
    telemetry::Labels reason = labels;
    reason.emplace_back("reason", repeat_reason_name(static_cast<RepeatReason>(i)));
    all.push_back(metrics.callback(
        MetricKind::kCounter, "raglan_replica_repeated_total",
        "Reads that began on a replica of the store and were made again on the primary.",
        std::move(reason), [&replicas, replica, i] {
          return static_cast<double>(replicas.status(replica).repeated[i]);
        }));
  }
  return all;
}

} // namespace raglan::app
