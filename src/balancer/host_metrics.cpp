#include "balancer/host_metrics.h"

#include <algorithm>

#include "net/pause.h"

namespace raglan::balancer {
namespace {

constexpr std::chrono::milliseconds kLookForNew{200};

} // namespace

using telemetry::MetricKind;

HostMetrics::HostMetrics(telemetry::MetricRegistry& metrics, const Fleet& fleet)
    : metrics_(metrics), fleet_(fleet) {
  panicking_ = metrics.callback(MetricKind::kGauge, "raglan_balancer_panic",
                                "Whether all nodes are used as too few are healthy.", {},
                                [&fleet] { return fleet.panicking() ? 1.0 : 0.0; });
}

net::Task<void> HostMetrics::watch() {
  while (true) {
    if (fleet_.version() != version_) refresh();
    if (auto waited = co_await net::pause(kLookForNew); !waited) co_return;
  }
}

void HostMetrics::refresh() {
  version_ = fleet_.version();
  const auto hosts = fleet_.hosts();
  std::erase_if(of_host_, [&](const auto& each) {
    return std::ranges::find(*hosts, each.first) == hosts->end();
  });
  for (const auto& host : *hosts) {
    if (!of_host_.contains(host)) of_host_.emplace(host, registrations(host));
  }
}

HostMetrics::Registrations HostMetrics::registrations(const std::shared_ptr<Host>& host) {
  Registrations all;
  const telemetry::Labels upstream{{"upstream", host->address.name}};
  const auto add = [&](MetricKind kind, std::string_view name, std::string_view help,
                       telemetry::Labels labels, std::function<double(const Host&)> read) {
    all.push_back(metrics_.callback(kind, name, help, std::move(labels),
                                    [host, read = std::move(read)] { return read(*host); }));
  };
  for (std::size_t i = 1; i < std::size(host->answers); ++i) {
    telemetry::Labels labels = upstream;
    labels.emplace_back("code", fmt::format("{}xx", i));
    add(MetricKind::kCounter, "raglan_upstream_requests_total", "Answers of a node, by status.",
        std::move(labels),
        [i](const Host& of) { return static_cast<double>(of.answers[i].load()); });
  }
  const auto failures = [&](std::string reason, std::atomic<std::uint64_t> Host::* count) {
    telemetry::Labels labels = upstream;
    labels.emplace_back("reason", std::move(reason));
    add(MetricKind::kCounter, "raglan_upstream_failures_total",
        "Requests that a node did not answer: no connection, or lost on the way.",
        std::move(labels),
        [count](const Host& of) { return static_cast<double>((of.*count).load()); });
  };
  failures("connect", &Host::connect_failures);
  failures("lost", &Host::broken);
  failures("timeout", &Host::timeouts);
  add(MetricKind::kCounter, "raglan_upstream_connections_total", "Connections opened to a node.",
      upstream, [](const Host& of) { return static_cast<double>(of.connections.load()); });
  add(MetricKind::kGauge, "raglan_upstream_in_flight", "Requests that a node is at work for.",
      upstream, [](const Host& of) { return static_cast<double>(of.in_flight.load()); });
  add(MetricKind::kGauge, "raglan_upstream_in_rotation", "Whether requests are sent to a node.",
      upstream, [](const Host& of) { return of.in_rotation ? 1.0 : 0.0; });
  return all;
}

} // namespace raglan::balancer
