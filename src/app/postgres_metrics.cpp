#include "app/postgres_metrics.h"

#include <string>
#include <utility>

namespace raglan::app {
namespace {

using postgres::PoolStatus;
using Reading = double (*)(const PoolStatus&);

struct Labelled {
  std::string_view label;
  Reading read;
};

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
  std::vector<telemetry::Registration> registrations;
  const auto add = [&](MetricKind kind, std::string_view name, std::string_view help,
                       telemetry::Labels labels, Reading read) {
    labels.emplace_back("pool", "postgres");
    registrations.push_back(metrics.callback(kind, name, help, std::move(labels), [&client, read] {
      return read(client.pool_status());
    }));
  };
  for (const auto& [state, read] : kStates) {
    add(MetricKind::kGauge, "raglan_pool_connections", "Connections of a pool.",
        {{"state", std::string(state)}}, read);
  }
  add(MetricKind::kGauge, "raglan_pool_waiting", "Callers that wait for a connection.", {},
      [](const PoolStatus& s) { return static_cast<double>(s.waiting); });
  add(MetricKind::kCounter, "raglan_pool_opened_total", "Connections opened.", {},
      [](const PoolStatus& s) { return static_cast<double>(s.opened); });
  for (const auto& [reason, read] : kClosed) {
    add(MetricKind::kCounter, "raglan_pool_closed_total",
        "Connections closed because of their age, or left in the middle of something.",
        {{"reason", std::string(reason)}}, read);
  }
  for (const auto& [reason, read] : kRefused) {
    add(MetricKind::kCounter, "raglan_pool_refused_total",
        "Callers that got no connection: none came free in time, or too many waited.",
        {{"reason", std::string(reason)}}, read);
  }
  return registrations;
}

} // namespace raglan::app
