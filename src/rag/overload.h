// What a node does when more is asked than it can answer: who waits for a place, and how much less
// is done for each.
//
// The places are for questions that have to be computed: what a cache has, and what another asker
// is having computed, needs none. The wait before them (net/admission_gate.h) is the delay by which
// the ladder rises and falls (policy/degradation.h); work that nobody waits for is behind everybody
// and does not count. A step of the ladder is a line in the log, with the delay.
//
// Thread safety: all members, from any thread; `enter` from event loops. Call `stop` before those
// are destroyed; the clock must outlive them.
#pragma once

#include <atomic>
#include <functional>

#include "base/clock.h"
#include "config/table.h"
#include "net/admission_gate.h"
#include "policy/degradation.h"
#include "rag/query.h"

namespace raglan::rag {

struct OverloadConfig {
  bool enabled = true;
  policy::AdmissionConfig admission;
  policy::ConcurrencyLimitConfig limit;
  policy::DegradationConfig degradation;
};

// `enabled` only; the policies stand in sections of their own.
void describe(config::Table<OverloadConfig>& table);

class Overload {
 public:
  using OnDecision = std::function<void(policy::Tier, policy::AdmissionReason, Duration waited)>;

  // `on_decision` may be empty.
  Overload(const OverloadConfig& config, OnDecision on_decision, const Clock& clock);

  // How much less is done for a question that somebody waits for, now, and why.
  struct Service {
    int level = 0;
    std::string_view reason; // "overload", "manual"; empty at level 0
  };
  Service service_for(policy::Tier tier);
  policy::ServicePlan plan(int level, std::size_t top_k) const {
    return policy::service_plan(config_.degradation, level, top_k);
  }
  // For the error of a question that is not answered at the last level.
  Duration retry_after() const { return config_.degradation.lower_hold; }

  // A place for computing the answer. Errors: net/admission_gate.h.
  net::Task<Result<net::AdmissionGate::Place>> enter(const QueryRequest& request, bool generates);

  policy::DegradationStatus degradation() { return ladder_.status(clock_.now()); }
  void set_manual(int level);
  void set_auto();
  net::AdmissionGate::Status admission() const { return gate_.status(); }

  // Sends away who waits. Idempotent.
  void stop() { gate_.stop(); }

 private:
  bool on_tick(Duration oldest_wait, MonotonicTime now);
  void log_step(const policy::DegradationStatus& status);

  const OverloadConfig config_;
  const Clock& clock_;
  policy::Degradation ladder_;
  std::atomic<int> logged_level_;
  net::AdmissionGate gate_;
};

} // namespace raglan::rag
