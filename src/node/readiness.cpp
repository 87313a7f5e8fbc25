#include "node/readiness.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace raglan::node {

void describe(config::Table<ReadinessConfig>& table) {
  table
      .field("require", &ReadinessConfig::require,
             "what must work for /ready to say 200, of store, embedder, redis, generator; whatever "
             "else fails is \"degraded\". Empty: the store, and the embedder if it is this process")
      .must("name store, embedder, redis or generator", [](const std::vector<std::string>& names) {
        static constexpr std::array<std::string_view, 4> kNames = {"store", "embedder", "redis",
                                                                   "generator"};
        return std::ranges::all_of(names, [](const std::string& name) {
          return std::ranges::find(kNames, name) != kNames.end();
        });
      });
}

Readiness::Readiness(std::vector<Check> checks, net::Submit executor, const Clock& clock)
    : checks_(std::move(checks)), executor_(std::move(executor)), clock_(clock) {}

void Readiness::mark_started() {
  Phase expected = Phase::kStarting; // a node that is draining already does not come back
  phase_.compare_exchange_strong(expected, Phase::kStarted);
}

void Readiness::mark_draining() { phase_.store(Phase::kDraining); }

Readiness::States Readiness::run_checks() const {
  States states;
  for (const Check& check : checks_) {
    const CheckState failed = check.required ? CheckState::kFailed : CheckState::kDegraded;
    states[check.name] = check.run() ? CheckState::kOk : failed;
  }
  return states;
}

Readiness::States Readiness::failed_states() const {
  States states;
  for (const Check& check : checks_) {
    states[check.name] = check.required ? CheckState::kFailed : CheckState::kDegraded;
  }
  return states;
}

ReadinessReport Readiness::make_report(States checks) const {
  ReadinessReport report{phase() == Phase::kStarted, std::move(checks)};
  for (const auto& [name, state] : report.checks) {
    if (state == CheckState::kFailed) report.ready = false;
  }
  return report;
}

// The executor's piece of work. Dropped before it ran, it says so itself.
class Readiness::Run {
 public:
  explicit Run(Readiness& readiness) : readiness_(readiness) {}
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run() {
    if (!finished_) readiness_.finish(std::nullopt);
  }
  void execute() {
    States states = readiness_.run_checks();
    finished_ = true;
    readiness_.finish(std::move(states));
  }

 private:
  Readiness& readiness_;
  bool finished_ = false;
};

std::optional<Readiness::States> Readiness::fresh_states() const {
  const MonotonicTime now = clock_.now();
  return shared_.with([&](const Shared& shared) {
    const bool fresh = shared.latest && now - shared.checked_at < kCheckLifetime;
    return fresh ? shared.latest : std::nullopt;
  });
}

Duration Readiness::join(const net::Completion<States>& done) {
  const MonotonicTime now = clock_.now();
  bool start = false;
  const Duration left = shared_.with([&](Shared& shared) {
    start = !shared.running_since;
    if (start) shared.running_since = now;
    const Duration left = *shared.running_since + kMaxCheckTime - now;
    if (left > Duration::zero()) shared.waiting.push_back(done);
    return left;
  });
  if (start) {
    auto run = std::make_shared<Run>(*this); // shared, because std::function must be copyable
    executor_([run = std::move(run)] { run->execute(); }); // refused: dropped
  }
  return left;
}

void Readiness::finish(std::optional<States> states) {
  const MonotonicTime now = clock_.now();
  const auto waiting = shared_.with([&](Shared& shared) {
    shared.running_since.reset();
    if (states) {
      shared.latest = states;
      shared.checked_at = now;
    }
    return std::exchange(shared.waiting, {});
  });
  for (const auto& done : waiting) done.deliver(states.value_or(failed_states()));
}

net::Task<ReadinessReport> Readiness::report() {
  if (auto states = fresh_states()) co_return make_report(std::move(*states));
  auto begin = [this](const net::Completion<States>& done) { return join(done); };
  auto states = co_await net::await_within<States>(std::move(begin));
  co_return make_report(states ? std::move(*states) : failed_states());
}

} // namespace raglan::node
