#include "policy/read_rotation.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace raglan::policy {
namespace {

double nanoseconds(Duration duration) {
  return std::chrono::duration<double, std::nano>(duration).count();
}

// What is left of a weight after so long.
double faded(Duration since) {
  const double lifetimes = nanoseconds(since) / nanoseconds(ReadRotation::kMemory);
  return std::exp(-std::max(lifetimes, 0.0));
}

} // namespace

std::string_view replica_state_name(ReplicaState state) {
  switch (state) {
    case ReplicaState::kJoining: return "joining";
    case ReplicaState::kServing: return "serving";
    case ReplicaState::kLagging: return "lagging";
    case ReplicaState::kUnreachable: return "unreachable";
    case ReplicaState::kPromoted: return "promoted";
    case ReplicaState::kStranger: break;
  }
  return "stranger";
}

ReplicaState ReadRotation::judge(ReplicaState before, const ReplicaLook& look) const {
  if (!look.answered) return ReplicaState::kUnreachable;
  if (!look.ours) return ReplicaState::kStranger;
  if (!look.replicates) return ReplicaState::kPromoted;
  // The primary did not say where it is: that is no reason for one in rotation to leave.
  if (!look.behind) {
    return before == ReplicaState::kServing || before == ReplicaState::kLagging
               ? before
               : ReplicaState::kJoining;
  }
  const Duration limit = config_.max_replica_lag;
  const Duration allowed = before == ReplicaState::kLagging ? limit / 2 : limit;
  return *look.behind <= allowed ? ReplicaState::kServing : ReplicaState::kLagging;
}

ReadRotation::Change ReadRotation::seen(std::size_t replica, const ReplicaLook& look) {
  Replica& of = replicas_.at(replica);
  of.behind = look.behind;
  const ReplicaState after = judge(of.state, look);
  return {std::exchange(of.state, after), after};
}

double ReadRotation::faded_latency_ns(const Replica& replica, MonotonicTime now) {
  return replica.at ? replica.latency_ns * faded(now - *replica.at) : 0;
}

double ReadRotation::expected_wait(const Replica& replica, MonotonicTime now) {
  return (nanoseconds(kLeastLatency) + faded_latency_ns(replica, now)) *
         (static_cast<double>(replica.in_flight) + 1);
}

std::optional<std::size_t> ReadRotation::choose(const std::function<bool(std::size_t)>& usable,
                                                MonotonicTime now, Rng& rng) {
  std::vector<std::size_t> able;
  for (std::size_t i = 0; i < replicas_.size(); ++i) {
    if (replicas_[i].state == ReplicaState::kServing && usable(i)) able.push_back(i);
  }
  if (able.empty()) return std::nullopt;
  std::size_t chosen = able.front();
  if (able.size() > 1) {
    const std::size_t first = rng.below(able.size());
    const std::size_t second = (first + 1 + rng.below(able.size() - 1)) % able.size();
    chosen = able[first];
    const Replica& other = replicas_[able[second]];
    if (expected_wait(other, now) < expected_wait(replicas_[chosen], now)) chosen = able[second];
  }
  ++replicas_[chosen].in_flight;
  return chosen;
}

void ReadRotation::ended(std::size_t replica, Duration took, bool answered, MonotonicTime now) {
  Replica& of = replicas_.at(replica);
  --of.in_flight;
  const double ns = nanoseconds(took);
  if (!answered) {
    of.latency_ns = std::max(of.latency_ns, ns); // one that refuses at once is not a fast one
  } else {
    const double kept = of.at ? faded(now - *of.at) : 0;
    of.latency_ns = of.latency_ns * kept + ns * (1 - kept);
  }
  of.at = now;
}

Duration ReadRotation::patience(std::size_t replica) const {
  const double expected = std::ceil(replicas_.at(replica).latency_ns * kPatienceFactor);
  return std::max<Duration>(kLeastPatience, Duration(static_cast<Duration::rep>(expected)));
}

ReadRotation::Status ReadRotation::status(std::size_t replica) const {
  const Replica& of = replicas_.at(replica);
  return {of.state, of.behind, of.in_flight};
}

} // namespace raglan::policy
