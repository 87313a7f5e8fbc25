// Time as a seam.
//
// Only this file's .cpp reads a clock. Policies take `now` as a parameter; components that must
// read time hold a `Clock&`, so that tests and the simulator supply their own.
//
// Two kinds of time, never mixed: `MonotonicTime` for durations, deadlines and timeouts, `WallTime`
// for what a person or another machine reads (log lines, created_at, Retry-After dates).
//
// Thread safety: SystemClock and ManualClock may be read from any thread.
#pragma once

#include <atomic>
#include <chrono>

namespace raglan {

using MonotonicTime = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonotonicTime now() const = 0;
  virtual WallTime wall_now() const = 0;
};

class SystemClock final : public Clock {
 public:
  MonotonicTime now() const override;
  WallTime wall_now() const override;
  static const SystemClock& instance();
};

// A clock that moves only when told to. Starts at an arbitrary fixed instant.
class ManualClock final : public Clock {
 public:
  MonotonicTime now() const override { return kStart + elapsed_.load(); }
  WallTime wall_now() const override;
  void advance(Duration by) { elapsed_.store(elapsed_.load() + by); }

 private:
  static constexpr MonotonicTime kStart{std::chrono::hours(1)};
  std::atomic<Duration> elapsed_{Duration::zero()};
};

// Milliseconds as a real number, for replies and reports.
inline double to_milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

} // namespace raglan
