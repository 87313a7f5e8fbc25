#include "node/readiness.h"

namespace raglan::node {

Readiness::Readiness(std::vector<Check> checks, net::Submit executor, const Clock& clock)
    : checks_(std::move(checks)), executor_(std::move(executor)), clock_(clock) {}

void Readiness::mark_started() {
  Phase expected = Phase::kStarting; // a node that is draining already does not come back
  phase_.compare_exchange_strong(expected, Phase::kStarted);
}

void Readiness::mark_draining() { phase_.store(Phase::kDraining); }

std::map<std::string, CheckState> Readiness::run_checks() const {
  std::map<std::string, CheckState> states;
  for (const Check& check : checks_) {
    const CheckState failed = check.required ? CheckState::kFailed : CheckState::kDegraded;
    states[check.name] = check.run() ? CheckState::kOk : failed;
  }
  return states;
}

ReadinessReport Readiness::make_report(std::map<std::string, CheckState> checks) const {
  ReadinessReport report{phase() == Phase::kStarted, std::move(checks)};
  for (const auto& [name, state] : report.checks) {
    if (state == CheckState::kFailed) report.ready = false;
  }
  return report;
}

net::Task<ReadinessReport> Readiness::report() {
  const MonotonicTime now = clock_.now();
  Cached cached = cached_.with([](const Cached& value) { return value; });
  if (cached.known && now - cached.checked_at < kCheckLifetime) {
    co_return make_report(std::move(cached.checks));
  }
  using States = std::map<std::string, CheckState>;
  auto work = [this]() -> Result<States> { return run_checks(); };
  auto states = co_await net::offload(executor_, std::move(work),
                                      Deadline::after(kMaxCheckTime, now), clock_);
  if (!states) {
    States failed;
    for (const Check& check : checks_) {
      failed[check.name] = check.required ? CheckState::kFailed : CheckState::kDegraded;
    }
    co_return make_report(std::move(failed));
  }
  cached_.with([&](Cached& value) { value = {true, now, *states}; });
  co_return make_report(std::move(*states));
}

} // namespace raglan::node
