#include "app/upstream_metrics.h"

#include <utility>

namespace raglan::app {

std::function<void(std::string_view code, Duration took)> observe_upstream(
    telemetry::MetricRegistry& metrics, std::string upstream) {
  auto& requests = metrics.counters(
      "raglan_upstream_requests_total",
      "Requests to an upstream, by status or by how they ended without one.", {"upstream", "code"});
  auto& durations = metrics.histograms("raglan_upstream_request_duration_seconds",
                                       "How long an upstream took to answer.", {"upstream"});
  return [&requests, &durations, upstream = std::move(upstream)](std::string_view code,
                                                                 Duration took) {
    requests.with(upstream, code).add();
    durations.with(upstream).observe(took);
  };
}

std::function<void(const model::GenerationUsage&)> count_tokens(telemetry::MetricRegistry& metrics,
                                                                std::string_view upstream,
                                                                std::string_view model) {
  auto& tokens = metrics.counters("raglan_upstream_tokens_total",
                                  "Tokens that a language model has read and written, as it says.",
                                  {"upstream", "model", "kind"});
  auto& prompt = tokens.with(upstream, model, "prompt");
  auto& completion = tokens.with(upstream, model, "completion");
  return [&prompt, &completion](const model::GenerationUsage& usage) {
    prompt.add(usage.prompt_tokens);
    completion.add(usage.completion_tokens);
  };
}

std::vector<telemetry::Registration> register_quota_metrics(
    telemetry::MetricRegistry& metrics, std::string_view upstream,
    const std::function<policy::PacerStatus()>& status) {
  using telemetry::MetricKind;
  std::vector<telemetry::Registration> registrations;
  const auto add = [&](MetricKind kind, std::string_view name, std::string_view help,
                       telemetry::Labels labels, auto policy::PacerStatus::* member) {
    labels.insert(labels.begin(), {"upstream", std::string(upstream)});
    registrations.push_back(metrics.callback(kind, name, help, std::move(labels), [status, member] {
      return static_cast<double>(status().*member);
    }));
  };
  using Status = policy::PacerStatus;
  constexpr std::string_view kUsedHelp =
      "Used share of an upstream's quota, of the last minute; 0 where none is known.";
  add(MetricKind::kGauge, "raglan_upstream_quota_used_ratio", kUsedHelp, {{"quota", "requests"}},
      &Status::requests_used_ratio);
  add(MetricKind::kGauge, "raglan_upstream_quota_used_ratio", kUsedHelp, {{"quota", "tokens"}},
      &Status::tokens_used_ratio);
  add(MetricKind::kGauge, "raglan_upstream_pace_ratio",
      "At which share of the full rate an upstream is called, after its throttling.", {},
      &Status::rate_factor);
  add(MetricKind::kCounter, "raglan_upstream_throttled_total", "Calls that an upstream throttled.",
      {}, &Status::throttled);
  return registrations;
}

std::vector<telemetry::Registration> register_hedge_metrics(
    telemetry::MetricRegistry& metrics, std::string_view upstream,
    const std::function<policy::HedgeStatus()>& status) {
  std::vector<telemetry::Registration> registrations;
  const auto add = [&](std::string_view result, auto read) {
    registrations.push_back(metrics.callback(
        telemetry::MetricKind::kCounter, "raglan_upstream_hedges_total",
        "Calls that took unusually long: made a second time, which won or lost, or refused to be.",
        {{"upstream", std::string(upstream)}, {"result", std::string(result)}},
        [status, read] { return static_cast<double>(read(status())); }));
  };
  using Status = policy::HedgeStatus;
  add("won", [](const Status& of) { return of.won; });
  add("lost", [](const Status& of) { return of.lost; });
  add("refused", [](const Status& of) { return of.refused; });
  return registrations;
}

std::function<std::size_t()> count_nodes(const redis::Fleet* fleet) {
  if (fleet == nullptr) return {};
  return [fleet] { return fleet->size(); };
}

} // namespace raglan::app
