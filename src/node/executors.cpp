#include "node/executors.h"

#include <utility>

namespace raglan::node {
namespace {

constexpr std::size_t kMaxQueuedSearches = 512;
constexpr std::size_t kStorageThreads = 4;
constexpr std::size_t kMaxQueuedStorage = 512;
constexpr std::size_t kMaxQueuedExtractions = 256;
constexpr std::size_t kMaxQueuedBulk = 256;

} // namespace

Executors::Executors(std::size_t cores)
    : search_({"search", cores, kMaxQueuedSearches}),
      storage_({"storage", kStorageThreads, kMaxQueuedStorage}),
      extraction_({"extraction", 1, kMaxQueuedExtractions}),
      bulk_({"bulk", 1, kMaxQueuedBulk}) {}

net::Submit Executors::submit_to(runtime::Executor& executor) {
  return [&executor](std::function<void()> work) { return executor.try_submit(std::move(work)); };
}

std::vector<telemetry::Registration> Executors::register_metrics(
    telemetry::MetricRegistry& metrics) {
  using telemetry::MetricKind;
  std::vector<telemetry::Registration> registrations;
  for (auto* executor : all()) {
    const telemetry::Labels labels{{"executor", executor->name()}};
    registrations.push_back(metrics.callback(
        MetricKind::kGauge, "raglan_queue_depth", "Tasks that wait for an executor.", labels,
        [executor] { return static_cast<double>(executor->queued()); }));
    registrations.push_back(
        metrics.callback(MetricKind::kCounter, "raglan_queue_rejected_total",
                         "Tasks refused because the executor's queue was full.", labels,
                         [executor] { return static_cast<double>(executor->rejected()); }));
  }
  return registrations;
}

void Executors::stop() {
  for (auto* executor : all()) executor->stop();
}

} // namespace raglan::node
