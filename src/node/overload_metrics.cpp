#include "node/overload_metrics.h"

#include <string>
#include <utility>

namespace raglan::node {

using telemetry::MetricKind;

rag::Overload::OnDecision count_decisions(telemetry::MetricRegistry& metrics) {
  auto& decisions = metrics.counters("raglan_admission_decisions_total",
                                     "Questions that were let in to be computed, or why not.",
                                     {"tier", "decision"});
  auto& waits = metrics.histograms("raglan_admission_wait_seconds",
                                   "How long those waited that were let in.", {"tier"});
  return [&](policy::Tier tier, policy::AdmissionReason reason, Duration waited) {
    const bool admitted = reason == policy::AdmissionReason::kNone;
    const std::string_view name = policy::tier_name(tier);
    decisions.with(name, admitted ? "admitted" : policy::admission_reason_name(reason)).add();
    if (admitted) waits.with(name).observe(waited);
  };
}

std::vector<telemetry::Registration> register_overload_metrics(telemetry::MetricRegistry& metrics,
                                                               rag::Overload& overload) {
  std::vector<telemetry::Registration> registrations;
  const auto add = [&](MetricKind kind, std::string_view name, std::string_view help,
                       telemetry::Labels labels, auto read) {
    registrations.push_back(
        metrics.callback(kind, name, help, std::move(labels),
                         [read, &overload] { return static_cast<double>(read(overload)); }));
  };
  for (const policy::Tier tier : policy::kAllTiers) {
    const telemetry::Labels labels{{"tier", std::string(policy::tier_name(tier))}};
    add(MetricKind::kGauge, "raglan_admission_waiting", "Questions that wait for a place.", labels,
        [tier](rag::Overload& of) { return of.admission().waiting[policy::index_of(tier)]; });
    if (tier == policy::Tier::kIngest) continue;
    add(MetricKind::kGauge, "raglan_degradation_level",
        "How much less is done for each question: 0 is full service, 3 the caches alone.", labels,
        [tier](rag::Overload& of) {
          return policy::effective_level(of.degradation().level, tier);
        });
  }
  constexpr std::string_view kSteps = "raglan_degradation_steps_total";
  constexpr std::string_view kStepsHelp = "Steps of the degradation level.";
  add(MetricKind::kCounter, kSteps, kStepsHelp, {{"direction", "up"}},
      [](rag::Overload& of) { return of.degradation().raised; });
  add(MetricKind::kCounter, kSteps, kStepsHelp, {{"direction", "down"}},
      [](rag::Overload& of) { return of.degradation().lowered; });
  add(MetricKind::kGauge, "raglan_concurrency_limit", "Questions that may be computed at a time.",
      {}, [](rag::Overload& of) { return of.admission().limit.limit; });
  add(MetricKind::kGauge, "raglan_concurrency_in_flight", "Questions that are being computed.", {},
      [](rag::Overload& of) { return of.admission().limit.in_flight; });
  return registrations;
}

} // namespace raglan::node
