#include "node/overload_metrics.h"

#include <string>
#include <utility>

namespace raglan::node {

using rag::Overload;
using telemetry::MetricKind;

rag::Overload::OnDecision count_decisions(telemetry::MetricRegistry& metrics) {
  auto& decisions = metrics.counters("raglan_admission_decisions_total",
                                     "Questions that were let in to be computed, or why not.",
                                     {"work", "tier", "decision"});
  auto& waits = metrics.histograms("raglan_admission_wait_seconds",
                                   "How long those waited that were let in.", {"work", "tier"});
  return [&](rag::Overload::Work work, policy::Tier tier, policy::AdmissionReason reason,
             Duration waited) {
    const bool admitted = reason == policy::AdmissionReason::kNone;
    const std::string_view name = policy::tier_name(tier);
    decisions
        .with(Overload::work_name(work), name,
              admitted ? "admitted" : policy::admission_reason_name(reason))
        .add();
    if (admitted) waits.with(Overload::work_name(work), name).observe(waited);
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
  for (const Overload::Work work : Overload::kAllWork) {
    const std::string name(Overload::work_name(work));
    for (const policy::Tier tier : policy::kAllTiers) {
      add(MetricKind::kGauge, "raglan_admission_waiting", "Questions that wait for a place.",
          {{"work", name}, {"tier", std::string(policy::tier_name(tier))}},
          [work, tier](Overload& of) {
            return of.admission(work).waiting[policy::index_of(tier)];
          });
    }
    add(MetricKind::kGauge, "raglan_concurrency_limit", "Places that there are.", {{"work", name}},
        [work](Overload& of) { return of.admission(work).limit.limit; });
    add(MetricKind::kGauge, "raglan_concurrency_in_flight", "Places that are taken.",
        {{"work", name}}, [work](Overload& of) { return of.admission(work).limit.in_flight; });
  }
  for (const policy::Tier tier : {policy::Tier::kVip, policy::Tier::kPaid, policy::Tier::kFree}) {
    add(MetricKind::kGauge, "raglan_degradation_level",
        "How much less is done for each question: 0 is full service, 3 the caches alone.",
        {{"tier", std::string(policy::tier_name(tier))}},
        [tier](Overload& of) { return policy::effective_level(of.degradation().level, tier); });
  }
  constexpr std::string_view kSteps = "raglan_degradation_steps_total";
  constexpr std::string_view kStepsHelp = "Steps of the degradation level.";
  add(MetricKind::kCounter, kSteps, kStepsHelp, {{"direction", "up"}},
      [](Overload& of) { return of.degradation().raised; });
  add(MetricKind::kCounter, kSteps, kStepsHelp, {{"direction", "down"}},
      [](Overload& of) { return of.degradation().lowered; });
  return registrations;
}

} // namespace raglan::node
