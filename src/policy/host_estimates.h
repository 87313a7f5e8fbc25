// What is made of what a host was seen to do: how long it takes to answer, and how many requests it
// has failed of late.
//
// Both are smoothed by time and not by requests: a host that is well again has few of them at
// first. What strategies make of an estimate that is old is theirs to say (policy/prequal.h).
//
// Failures count as requests in flight that fade. A host that fails, or turns away, whatever it is
// given is done with each at once: it would seem to have the least to do, and be given all the more
// (measured with one of eight nodes refusing: 40 % of the questions failed with prequal, 27 % with
// least connections). As long as they count, it has rather much to do, and is given one every
// second or so, by which it is seen when it is well again.
//
// Pure.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/clock.h"

namespace raglan::policy {

inline constexpr std::chrono::seconds kMemoryOfLatency{5};
inline constexpr std::chrono::seconds kMemoryOfFailures{2};

// `before`: zero when nothing was known. `since`: the one before. More than zero.
inline Duration smoothed_latency(Duration before, Duration took, Duration since) {
  // Answers that come in one moment count as if they had come after one another.
  constexpr Duration kLeastApart = std::chrono::milliseconds(1);
  if (before == Duration::zero()) return std::max(took, Duration(1));
  const std::chrono::duration<double> apart = std::max(since, kLeastApart);
  const double share = 1 - std::exp(-apart / kMemoryOfLatency);
  const auto step = std::chrono::duration<double, Duration::period>(took - before) * share;
  return std::max(before + std::chrono::duration_cast<Duration>(step), Duration(1));
}

// Of so many failures, those that count still, `age` after the last.
inline double remembered_failures(double failures, Duration age) {
  if (age > 20 * kMemoryOfFailures) return 0; // so hosts that never fail cost no exp
  return failures * std::exp(-std::chrono::duration<double>(age) / kMemoryOfFailures);
}

} // namespace raglan::policy
