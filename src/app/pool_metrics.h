// What every pool of connections is measured by, and how the parts of one status become metrics.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "telemetry/metric_registry.h"

namespace raglan::app {

// How long callers waited for a connection of this pool.
inline telemetry::Histogram& pool_wait_histogram(telemetry::MetricRegistry& metrics,
                                                 std::string_view pool) {
  return metrics
      .histograms("raglan_pool_wait_seconds", "How long callers waited for a connection.", {"pool"})
      .with(pool);
}

// One number of a status, and the value of the label that tells it from the others.
template <typename Status>
struct Reading {
  std::string_view label;
  double (*read)(const Status&);
};

// Registers metrics that are read off a status.
template <typename Status>
class StatusMetrics {
 public:
  StatusMetrics(telemetry::MetricRegistry& metrics, std::function<Status()> status)
      : metrics_(metrics), status_(std::move(status)) {}

  void add(telemetry::MetricKind kind, std::string_view name, std::string_view help,
           telemetry::Labels labels, double (*read)(const Status&)) {
    registrations_.push_back(metrics_.callback(
        kind, name, help, std::move(labels), [status = status_, read] { return read(status()); }));
  }
  // One for each reading, whose label is that of `label`.
  void add_each(telemetry::MetricKind kind, std::string_view name, std::string_view help,
                const telemetry::Labels& labels, std::string_view label,
                std::span<const Reading<Status>> readings) {
    for (const Reading<Status>& reading : readings) {
      telemetry::Labels all = labels;
      all.emplace_back(std::string(label), std::string(reading.label));
      add(kind, name, help, std::move(all), reading.read);
    }
  }
  void add_connections(std::string_view pool, std::span<const Reading<Status>> states) {
    add_each(telemetry::MetricKind::kGauge, "raglan_pool_connections", "Connections of a pool.",
             {{"pool", std::string(pool)}}, "state", states);
  }

  std::vector<telemetry::Registration> take() { return std::move(registrations_); }

 private:
  telemetry::MetricRegistry& metrics_;
  const std::function<Status()> status_;
  std::vector<telemetry::Registration> registrations_;
};

} // namespace raglan::app
