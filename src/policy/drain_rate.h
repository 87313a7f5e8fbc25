// How fast a queue is served: seconds per unit of cost, measured only while something waits.
//
// Sums of time and of cost, in which each admission weighs 0.95 of the one after it (twenty or so
// count), and their quotient: a mean of single intervals would make infinitely much of those that
// are admitted together. A gap that is longer than usual counts before it ends, or a queue that
// stands still would seem as fast as ever.
//
// Thread safety: none.
#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.h"

namespace raglan::policy {

class DrainRate {
 public:
  // Something waits from now on.
  void begins(MonotonicTime now) { since_ = now; }

  // So much left the queue, by admission, after all the while something had waited.
  void drained(double cost, MonotonicTime now) {
    seconds_ = seconds_ * kMemory + seconds_since(now);
    cost_ = cost_ * kMemory + cost;
    since_ = now;
  }

  // Zero when nothing was measured yet. `waits`: whether something waits now.
  double seconds_per_cost(bool waits, MonotonicTime now) const {
    if (cost_ <= 0) return 0;
    const double measured = seconds_ / cost_;
    if (!waits) return measured;
    return std::max(measured, (seconds_ * kMemory + seconds_since(now)) / (cost_ * kMemory + 1));
  }

 private:
  static constexpr double kMemory = 0.95;

  double seconds_since(MonotonicTime now) const {
    return std::chrono::duration<double>(std::max(now - since_, Duration::zero())).count();
  }

  double seconds_ = 0;
  double cost_ = 0;
  MonotonicTime since_{};
};

} // namespace raglan::policy
