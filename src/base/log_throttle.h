// Lines that would be written for every request of an outage: one in each kEvery, with how many
// were left out.
//
//   if (const auto left_out = throttle.admit(clock.now())) {
//     log_warning("generation failed", {{"code", code}, {"left_out", *left_out}});
//   }
//
// Thread safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/guarded.h"

namespace raglan {

class LogThrottle {
 public:
  static constexpr std::chrono::seconds kEvery{10};

  // How many lines were left out since the last one; empty: this is to be another.
  std::optional<std::uint64_t> admit(MonotonicTime now) {
    return state_.with([now](State& state) -> std::optional<std::uint64_t> {
      if (state.last && now - *state.last < kEvery) {
        ++state.left_out;
        return std::nullopt;
      }
      state.last = now;
      return std::exchange(state.left_out, 0);
    });
  }

 private:
  struct State {
    std::optional<MonotonicTime> last;
    std::uint64_t left_out = 0;
  };
  Guarded<State> state_;
};

} // namespace raglan
