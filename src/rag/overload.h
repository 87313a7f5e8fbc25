// What a node does when more is asked than it can answer: who waits for a place, and how much less
// is done for each.
//
// There are places for two kinds of work: for computing (embedding, searching, making an answer of
// sentences), as many as one machine is kept busy by, and for calls of the language model, whose
// number finds itself by how long they take. What a cache has, and what another asker is having
// done, needs none. A question waits for the second with its passages in hand, and when it waits in
// vain, or could not be answered in time, they are the answer.
//
// The longer wait of both (net/admission_gate.h) is the delay by which the ladder rises and falls
// (policy/degradation.h); work that nobody waits for is behind everybody and does not count, and a
// wait for work that takes long counts for less. Whoever first notices a change of the level writes
// a line in the log, with the delay.
//
// The last level is for what cannot be done even so: a question that no cache answers is refused,
// but when the level is the node's own finding and a place is free at this very moment it is
// answered as at the level below. It does not wait, so the delay knows nothing of it; and nobody is
// refused while there is room, which after a spike is at once and not when the level has fallen.
//
// Thread safety: all members, from any thread; `enter` from event loops. Call `stop` before those
// are destroyed; the clock must outlive them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string_view>

#include "base/clock.h"
#include "config/table.h"
#include "net/admission_gate.h"
#include "policy/degradation.h"
#include "rag/query.h"

namespace raglan::rag {

struct OverloadConfig {
  bool enabled = true;
  std::size_t max_computing = 64;
  // Instead of admission.interval in the wait for the language model: who is dropped from it has
  // the passages.
  std::chrono::milliseconds generation_interval{50};
  policy::AdmissionConfig admission;
  policy::ConcurrencyLimitConfig limit{.initial_limit = 64}; // of calls of the language model
  policy::DegradationConfig degradation;
  Duration usual_generation{}; // what a call takes, until that was measured; zero: not known
};

// Its own members only; the policies stand in sections of their own.
void describe(config::Table<OverloadConfig>& table);

class Overload {
 public:
  using Place = net::AdmissionGate::Place;
  enum class Work : std::uint8_t { kComputing, kGeneration };
  static constexpr std::array<Work, 2> kAllWork{Work::kComputing, Work::kGeneration};

  static constexpr std::string_view work_name(Work work) {
    return work == Work::kComputing ? "computing" : "generation";
  }

  using OnDecision =
      std::function<void(Work, policy::Tier, policy::AdmissionReason, Duration waited)>;

  // `on_decision` may be empty.
  Overload(const OverloadConfig& config, OnDecision on_decision, const Clock& clock);

  // How much less is done for a question that somebody waits for, now, and why.
  struct Service {
    int level = 0;
    std::string_view reason;      // "overload", "manual"; empty at level 0
    bool only_where_free = false; // at the last level: whether a place may be taken that is free
  };
  Service service_for(policy::Tier tier);
  policy::ServicePlan plan(int level, std::size_t top_k) const {
    return policy::service_plan(config_.degradation, level, top_k);
  }
  // For the error of a question that is not answered at the last level.
  Duration retry_after() const { return config_.degradation.lower_hold; }

  // A place for a part of answering the question. Errors: net/admission_gate.h.
  net::Task<Result<Place>> enter(Work work, const QueryRequest& request);

  policy::DegradationStatus degradation();
  void set_manual(int level);
  void set_auto();
  net::AdmissionGate::Status admission(Work work) const { return gate(work).status(); }

  // Sends away who waits. Idempotent.
  void stop();

 private:
  net::AdmissionGate& gate(Work work) {
    return work == Work::kComputing ? computing_ : generation_;
  }
  const net::AdmissionGate& gate(Work work) const {
    return work == Work::kComputing ? computing_ : generation_;
  }
  net::AdmissionGate::Observer observe(Work work);
  bool on_tick(Work work, Duration delay, MonotonicTime now);
  void log_step(const policy::DegradationStatus& status);

  const OverloadConfig config_;
  const Clock& clock_;
  policy::Degradation ladder_;
  const OnDecision on_decision_;
  std::atomic<int> logged_level_;
  std::array<std::atomic<Duration>, 2> delays_{}; // at the last tick of each gate
  net::AdmissionGate computing_;
  net::AdmissionGate generation_;
};

} // namespace raglan::rag
