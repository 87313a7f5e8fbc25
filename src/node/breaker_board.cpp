#include "node/breaker_board.h"

#include <string_view>

namespace raglan::node {
namespace {

using policy::BreakerStatus;
using telemetry::MetricKind;

} // namespace

BreakerBoard::Place::~Place() {
  if (board_ == nullptr) return;
  registrations_.clear();
  board_->breakers_.with([&](auto& breakers) { breakers.erase(upstream_); });
}

BreakerBoard::Place BreakerBoard::add(std::string upstream, Status status) {
  Place place;
  const auto add_metric = [&](MetricKind kind, std::string_view name, std::string_view help,
                              double (*read)(const BreakerStatus&)) {
    place.registrations_.push_back(metrics_.callback(kind, name, help, {{"upstream", upstream}},
                                                     [status, read] { return read(status()); }));
  };
  add_metric(MetricKind::kGauge, "raglan_breaker_state",
             "A circuit breaker: 0 closed, 1 open, 2 half-open.",
             [](const BreakerStatus& now) { return static_cast<double>(now.state); });
  add_metric(MetricKind::kCounter, "raglan_breaker_transitions_total",
             "Changes of a circuit breaker's state.",
             [](const BreakerStatus& now) { return static_cast<double>(now.transitions); });
  add_metric(MetricKind::kCounter, "raglan_breaker_refused_total",
             "Calls that a circuit breaker did not let through.",
             [](const BreakerStatus& now) { return static_cast<double>(now.refused); });
  add_metric(MetricKind::kGauge, "raglan_breaker_next_probe_seconds",
             "Until a circuit breaker lets a call through; 0 when it does.",
             [](const BreakerStatus& now) {
               return std::chrono::duration<double>(now.time_to_next_probe).count();
             });
  breakers_.with([&](auto& breakers) { breakers[upstream] = std::move(status); });
  place.board_ = this;
  place.upstream_ = std::move(upstream);
  return place;
}

std::vector<std::pair<std::string, BreakerStatus>> BreakerBoard::all() const {
  return breakers_.with([](const auto& breakers) {
    std::vector<std::pair<std::string, BreakerStatus>> statuses;
    statuses.reserve(breakers.size());
    for (const auto& [upstream, status] : breakers) statuses.emplace_back(upstream, status());
    return statuses;
  });
}

} // namespace raglan::node
