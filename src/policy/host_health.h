// Whether a host is well, by active checks of it.
//
//   well ──failure_threshold failed checks in a row──→ ill
//   ill  ──success_threshold good checks in a row────→ well
//   unknown ──its first good check──→ well      unknown ──failure_threshold in a row──→ ill
//
// A new host is unknown, and gets no requests: it may still be loading its models. One that was
// there when the balancer started may be told to start as well, so that a balancer that is started
// again need not refuse everything until its first checks are back. The thresholds keep one lost
// packet from taking a host out, and (when success_threshold is more than 1) one that hardly runs
// from coming back.
//
//   HostHealth health(thresholds);
//   if (health.checked(answered_200)) …its state is another now…
//
// `panics` says that health no longer tells hosts apart: fewer than half of them are healthy (well
// and not ejected). Then all are used, as Envoy does below its panic threshold. What is left would
// only be overrun by everybody's requests, and it may be the checks that are wrong.
//
// Thread safety: none; one HostHealth belongs to one host. `panics` is pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "config/table.h"

namespace raglan::policy {

struct HealthThresholds {
  std::size_t failure_threshold = 3; // in a row
  std::size_t success_threshold = 1;
};

inline void describe(config::Table<HealthThresholds>& table) {
  using C = HealthThresholds;
  table
      .field("failure_threshold", &C::failure_threshold,
             "failed checks in a row after which a host gets no more requests")
      .min(1)
      .max(100);
  table
      .field("success_threshold", &C::success_threshold,
             "good checks in a row after which it gets them again")
      .min(1)
      .max(100);
}

enum class HealthState : std::uint8_t { kUnknown, kWell, kIll };

constexpr std::string_view health_state_name(HealthState state) {
  switch (state) {
    case HealthState::kUnknown: return "unknown";
    case HealthState::kWell: return "well";
    case HealthState::kIll: return "ill";
  }
  return "unknown";
}

class HostHealth {
 public:
  explicit HostHealth(HealthThresholds thresholds = {}, HealthState start = HealthState::kUnknown)
      : thresholds_(thresholds), state_(start) {}

  // A check has ended. Whether the state is another now.
  bool checked(bool good) {
    in_a_row_ = good == last_good_ ? in_a_row_ + 1 : 1;
    last_good_ = good;
    const HealthState before = state_;
    if (good) {
      const bool enough = in_a_row_ >= thresholds_.success_threshold;
      if (enough || before == HealthState::kUnknown) state_ = HealthState::kWell;
    } else if (in_a_row_ >= thresholds_.failure_threshold) {
      state_ = HealthState::kIll;
    }
    return state_ != before;
  }

  HealthState state() const { return state_; }
  bool well() const { return state_ == HealthState::kWell; }
  // Checks that ended as the last one did, without another between them; zero before the first.
  std::size_t in_a_row() const { return in_a_row_; }
  bool last_good() const { return last_good_; }

 private:
  HealthThresholds thresholds_;
  HealthState state_;
  bool last_good_ = false; // means nothing before the first check
  std::size_t in_a_row_ = 0;
};

// Whether all hosts are to be used, healthy or not. `checked`: those of whom something is known; a
// host that has just joined says nothing of the others.
constexpr bool panics(std::size_t healthy, std::size_t checked) { return 2 * healthy < checked; }

// Who gets requests.
enum class Rotation : std::uint8_t {
  kHealthy,
  kAll,   // nothing is known of any yet
  kPanic, // all, as too few are healthy
};
constexpr Rotation rotation(std::size_t healthy, std::size_t checked) {
  if (checked == 0) return Rotation::kAll;
  return panics(healthy, checked) ? Rotation::kPanic : Rotation::kHealthy;
}

} // namespace raglan::policy
