#include "base/clock.h"

namespace raglan {

MonotonicTime SystemClock::now() const { return std::chrono::steady_clock::now(); }
WallTime SystemClock::wall_now() const { return std::chrono::system_clock::now(); }

const SystemClock& SystemClock::instance() {
  static const SystemClock clock;
  return clock;
}

WallTime ManualClock::wall_now() const {
  // 2026-01-01T00:00:00Z, so that formatted times in tests are readable.
  constexpr auto kEpoch = std::chrono::sys_days{std::chrono::year{2026} / 1 / 1};
  return WallTime{kEpoch} + std::chrono::duration_cast<WallTime::duration>(elapsed_.load());
}

} // namespace raglan
