#include "rag/overload.h"

#include <array>
#include <utility>

#include "base/log.h"

namespace raglan::rag {

using policy::Tier;

namespace {

// Of ConcurrencyLimit: work of very different length.
enum Kind : std::size_t { kGenerates, kComposes, kRetrieves };

Kind kind_of(const QueryRequest& request, bool generates) {
  if (request.mode == QueryMode::kRetrieve) return kRetrieves;
  return generates ? kGenerates : kComposes;
}

} // namespace

void describe(config::Table<OverloadConfig>& table) {
  table.field("enabled", &OverloadConfig::enabled,
              "whether questions wait for places, and get less when they wait long");
}

Overload::Overload(const OverloadConfig& config, OnDecision on_decision, const Clock& clock)
    : config_(config),
      clock_(clock),
      ladder_(config.degradation),
      logged_level_(ladder_.status(clock.now()).level),
      gate_({config.admission, config.limit},
            {std::move(on_decision),
             [this](Duration oldest, MonotonicTime now) { return on_tick(oldest, now); }},
            clock) {}

Overload::Service Overload::service_for(policy::Tier tier) {
  const auto status = ladder_.status(clock_.now());
  const int level = policy::effective_level(status.level, tier);
  return {level, policy::degradation_reason(status, level)};
}

net::Task<Result<net::AdmissionGate::Place>> Overload::enter(const QueryRequest& request,
                                                             bool generates) {
  if (!config_.enabled) co_return net::AdmissionGate::Place();
  policy::Ticket ticket{.tenant = request.collection.tenant,
                        .tier = request.background ? Tier::kIngest : request.tier,
                        .deadline = request.deadline};
  co_return co_await gate_.enter(std::move(ticket), kind_of(request, generates));
}

void Overload::set_manual(int level) {
  const MonotonicTime now = clock_.now();
  ladder_.set_manual(level, now);
  log_step(ladder_.status(now));
}

void Overload::set_auto() {
  const MonotonicTime now = clock_.now();
  ladder_.set_auto(now);
  log_step(ladder_.status(now));
}

bool Overload::on_tick(Duration oldest_wait, MonotonicTime now) {
  ladder_.sample(oldest_wait, now);
  const auto status = ladder_.status(now);
  log_step(status);
  return status.level > 0 && status.mode == policy::DegradationMode::kAuto;
}

void Overload::log_step(const policy::DegradationStatus& status) {
  const int before = logged_level_.exchange(status.level);
  if (before == status.level) return;
  const bool manual = status.mode == policy::DegradationMode::kManual;
  log_warning("degradation level changed",
              {{"from", before},
               {"to", status.level},
               {"reason", manual ? "manual" : "overload"},
               {"queue_delay_ms", to_milliseconds(status.smoothed_delay)}});
}

} // namespace raglan::rag
