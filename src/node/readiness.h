// Whether this node has started, can serve, or is on its way out: what /startup and /ready answer.
//
// A check says whether one dependency works. It may block, so checks run on an executor of their
// own, never behind work, and their results are kept for kCheckLifetime, so that a fast prober
// costs nothing. A failed check that is required makes the node not ready; one that is not required
// shows as "degraded" and the node stays in service: one blip of an optional dependency must not
// drain a fleet.
//
// Thread safety: all members may be called from any thread.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/result.h"
#include "net/offload.h"

namespace raglan::node {

enum class Phase : std::uint8_t { kStarting, kStarted, kDraining };
enum class CheckState : std::uint8_t { kOk, kDegraded, kFailed };

struct Check {
  std::string name;
  bool required = true;
  std::function<Result<>()> run; // blocking is allowed; must be thread safe
};

struct ReadinessReport {
  bool ready = false;
  std::map<std::string, CheckState> checks;
};

class Readiness {
 public:
  static constexpr std::chrono::seconds kCheckLifetime{1};
  static constexpr std::chrono::seconds kMaxCheckTime{5}; // all together

  Readiness(std::vector<Check> checks, net::Submit executor, const Clock& clock);

  void mark_started();
  void mark_draining();
  Phase phase() const { return phase_.load(); }

  // Never fails: when the checks cannot be run, they count as failed.
  net::Task<ReadinessReport> report();

 private:
  struct Cached {
    bool known = false;
    MonotonicTime checked_at{};
    std::map<std::string, CheckState> checks;
  };

  // Blocking: runs every check.
  std::map<std::string, CheckState> run_checks() const;
  ReadinessReport make_report(std::map<std::string, CheckState> checks) const;

  const std::vector<Check> checks_;
  const net::Submit executor_;
  const Clock& clock_;
  std::atomic<Phase> phase_{Phase::kStarting};
  Guarded<Cached> cached_;
};

} // namespace raglan::node
