#include "policy/restart.h"

namespace raglan::policy {

void describe(config::Table<RestartConfig>& table) {
  using C = RestartConfig;
  using std::chrono::milliseconds;
  table
      .field("startup_timeout", &C::startup_timeout,
             "longest time from its start to its first healthy answer")
      .min(milliseconds(1))
      .max(std::chrono::hours(1));
  table
      .field("max_failed_probes", &C::max_failed_probes,
             "failed probes in a row before it is killed")
      .min(1)
      .max(100);
  table.field("max_restarts", &C::max_restarts, "restarts in a row before it is given up")
      .min(0)
      .max(1000);
  table
      .field("stable_after", &C::stable_after,
             "healthy for so long, its earlier ends are forgotten")
      .min(milliseconds(0))
      .max(std::chrono::hours(24));
}

void Restart::started(MonotonicTime now) {
  started_at_ = now;
  ready_since_.reset();
  failed_probes_ = 0;
}

Restart::Step Restart::probed(bool healthy, MonotonicTime now) {
  if (healthy) {
    failed_probes_ = 0;
    if (ready_since_) return Step::kKeep;
    ready_since_ = now;
    return Step::kReady;
  }
  if (!ready_since_) {
    return now - started_at_ >= config_.startup_timeout ? Step::kKill : Step::kKeep;
  }
  return ++failed_probes_ >= config_.max_failed_probes ? Step::kKill : Step::kKeep;
}

std::optional<Duration> Restart::ended(MonotonicTime now, Rng& rng) {
  if (ready_since_ && now - *ready_since_ >= config_.stable_after) {
    ends_in_a_row_ = 0;
    backoff_ = Backoff(config_.backoff);
  }
  ready_since_.reset();
  failed_probes_ = 0;
  if (++ends_in_a_row_ > config_.max_restarts) return std::nullopt;
  return backoff_.next(rng);
}

} // namespace raglan::policy
