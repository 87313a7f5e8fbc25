// Whether this node has started, can serve, or is on its way out: what /startup and /ready answer.
//
// A check says whether one dependency works. It may block, so checks run on an executor of their
// own, never behind work. All probes share one run of them: who asks while it is under way waits
// for it, and its results are kept for kCheckLifetime, so that many fast probers cost nothing. A
// run that takes longer than kMaxCheckTime counts as failed for all who ask, until it ends. A
// failed check that is required makes the node not ready; one that is not required
// shows as "degraded" and the node stays in service: one blip of an optional dependency must not
// drain a fleet.
//
// Thread safety: all members may be called from any thread. The executor must be stopped before
// this and the event loops are destroyed.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/result.h"
#include "config/table.h"
#include "net/completion.h"
#include "net/offload.h"

namespace raglan::node {

enum class Phase : std::uint8_t { kStarting, kStarted, kDraining };
enum class CheckState : std::uint8_t { kOk, kDegraded, kFailed };

// Which failed checks take the node out of service.
struct ReadinessConfig {
  // Empty: the store, and the embedder that is in this process. One that all nodes share they would
  // miss at the same time, and all go at once, though each can search by words without it.
  std::vector<std::string> require;
};

void describe(config::Table<ReadinessConfig>& table);

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
  using States = std::map<std::string, CheckState>;
  class Run;
  struct Shared {
    std::optional<States> latest;
    MonotonicTime checked_at{};                   // when `latest` was complete
    std::optional<MonotonicTime> running_since;   // of the one run under way
    std::vector<net::Completion<States>> waiting; // for it
  };

  std::optional<States> fresh_states() const;
  // Delivers to `done`, at once or when the run under way ends, which may have to be started first.
  // Returns how long that run still has.
  Duration join(const net::Completion<States>& done);
  // `states` is empty when the run was dropped.
  void finish(std::optional<States> states);
  // Blocking: runs every check.
  States run_checks() const;
  States failed_states() const;
  ReadinessReport make_report(States checks) const;

  const std::vector<Check> checks_;
  const net::Submit executor_;
  const Clock& clock_;
  std::atomic<Phase> phase_{Phase::kStarting};
  Guarded<Shared> shared_;
};

} // namespace raglan::node
