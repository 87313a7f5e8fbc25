// When a supervised process is killed, started again, or given up.
//
// A process is starting until a probe of its health succeeds for the first time, and ready from
// then on. While it is starting, failed probes only count against `startup_timeout`: a model that
// takes a minute to load is not killed for being slow (the same split as Kubernetes' startup and
// liveness probes). Once it is ready, `max_failed_probes` failures in a row say that it hangs, and
// it is to be killed. However it ended, the next start waits for a backoff with full jitter. More
// than `max_restarts` ends in a row, and it is given up: a program that cannot run should be seen,
// not retried for ever. Ends are in a row until it has been ready for `stable_after`.
//
//   Restart policy;
//   policy.started(now);
//   if (policy.probed(healthy, now) == Restart::Step::kKill) …;
//   if (const auto wait = policy.ended(now, rng)) …start it again after *wait…; else …given up…;
//
// Thread safety: none; one Restart belongs to one process.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

#include "base/clock.h"
#include "base/rng.h"
#include "config/table.h"
#include "policy/backoff.h"

namespace raglan::policy {

struct RestartConfig {
  std::chrono::milliseconds startup_timeout{120'000};
  std::size_t max_failed_probes = 3;
  std::size_t max_restarts = 5;
  std::chrono::milliseconds stable_after{60'000};
  BackoffConfig backoff{.base_backoff = std::chrono::milliseconds(500),
                        .max_backoff = std::chrono::milliseconds(30'000)};
};
void describe(config::Table<RestartConfig>& table); // but for the backoff, which has its own

class Restart {
 public:
  enum class Step {
    kKeep,  // let it run
    kReady, // the first success: it serves now
    kKill,  // it hangs, or has taken too long to start
  };

  explicit Restart(RestartConfig config = {}) : config_(config), backoff_(config.backoff) {}

  // A process has been started, whether or not it ran.
  void started(MonotonicTime now);
  // A probe of the running process has ended.
  Step probed(bool healthy, MonotonicTime now);
  // The process has ended, unasked for or killed: how long to wait before the next start. Empty: it
  // is given up.
  std::optional<Duration> ended(MonotonicTime now, Rng& rng);

  bool ready() const { return ready_since_.has_value(); }
  // How often it has ended since it last was stable.
  std::size_t ends_in_a_row() const { return ends_in_a_row_; }

 private:
  RestartConfig config_;
  Backoff backoff_;
  MonotonicTime started_at_;
  std::optional<MonotonicTime> ready_since_;
  std::size_t failed_probes_ = 0; // in a row
  std::size_t ends_in_a_row_ = 0;
};

} // namespace raglan::policy
