#include "rag/overload.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace raglan::rag {

using policy::Tier;

namespace {

net::AdmissionGate::Config computing_gate(const OverloadConfig& config) {
  const std::size_t places = config.max_computing;
  return {
      config.admission, {.initial_limit = places, .min_limit = places, .max_limit = places}, {}};
}

net::AdmissionGate::Config generation_gate(const OverloadConfig& config) {
  net::AdmissionGate::Config gate{config.admission, config.limit, {}};
  gate.admission.interval = config.generation_interval;
  gate.usual = config.usual_generation;
  return gate;
}

} // namespace

void describe(config::Table<OverloadConfig>& table) {
  table.field("enabled", &OverloadConfig::enabled,
              "whether questions wait for places, and get less when they wait long");
  table
      .field("max_computing", &OverloadConfig::max_computing,
             "questions that are embedded and searched at a time")
      .min(1)
      .max(100'000);
  table
      .field("generation_interval", &OverloadConfig::generation_interval,
             "interval of the wait for the language model, which ends with the passages alone")
      .min(std::chrono::milliseconds(1));
}

Overload::Overload(const OverloadConfig& config, OnDecision on_decision, const Clock& clock)
    : config_(config),
      clock_(clock),
      ladder_(config.degradation),
      on_decision_(std::move(on_decision)),
      logged_level_(ladder_.status(clock.now()).level),
      computing_(computing_gate(config), observe(Work::kComputing), clock),
      generation_(generation_gate(config), observe(Work::kGeneration), clock) {}

net::AdmissionGate::Observer Overload::observe(Work work) {
  return {[this, work](Tier tier, policy::AdmissionReason reason, Duration waited) {
            if (on_decision_) on_decision_(work, tier, reason, waited);
          },
          [this, work](Duration delay, MonotonicTime now) { return on_tick(work, delay, now); }};
}

void Overload::stop() {
  for (const Work work : kAllWork) gate(work).stop();
}

Overload::Service Overload::service_for(policy::Tier tier) {
  const auto status = degradation();
  const int level = policy::effective_level(status.level, tier);
  const bool automatic = status.mode == policy::DegradationMode::kAuto;
  return {level, policy::degradation_reason(status, level),
          plan(level, 1).cache_only && automatic && config_.enabled};
}

net::Task<Result<Overload::Place>> Overload::enter(Work work, const QueryRequest& request) {
  if (!config_.enabled) co_return Place();
  policy::Ticket ticket{.tenant = request.collection.tenant,
                        .tier = request.background ? Tier::kIngest : request.tier,
                        .deadline = request.deadline,
                        .waits = request.waits};
  // What is done in the background is slower where it is behind everybody: a kind of its own.
  co_return co_await gate(work).enter(std::move(ticket), request.background ? 1 : 0);
}

policy::DegradationStatus Overload::degradation() {
  const auto status = ladder_.status(clock_.now());
  log_step(status);
  return status;
}

void Overload::set_manual(int level) {
  ladder_.set_manual(level, clock_.now());
  (void)degradation();
}

void Overload::set_auto() {
  ladder_.set_auto(clock_.now());
  (void)degradation();
}

bool Overload::on_tick(Work work, Duration delay, MonotonicTime now) {
  delays_[static_cast<std::size_t>(work)] = delay;
  ladder_.sample(std::max(delays_[0].load(), delays_[1].load()), now);
  const auto status = ladder_.status(now);
  log_step(status);
  return status.level > 0 && status.mode == policy::DegradationMode::kAuto;
}

void Overload::log_step(const policy::DegradationStatus& status) {
  if (logged_level_.load(std::memory_order_relaxed) == status.level) return;
  const int before = logged_level_.exchange(status.level);
  if (before == status.level) return; // another thread has
  const bool manual = status.mode == policy::DegradationMode::kManual;
  log_warning("degradation level changed",
              {{"from", before},
               {"to", status.level},
               {"reason", manual ? "manual" : "overload"},
               {"queue_delay_ms", to_milliseconds(status.smoothed_delay)}});
}

} // namespace raglan::rag
