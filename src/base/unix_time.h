// Wall time as whole milliseconds since 1970, as it is stored.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.h"

namespace raglan {

inline std::int64_t to_unix_milliseconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

inline WallTime from_unix_milliseconds(std::int64_t milliseconds) {
  return WallTime(std::chrono::milliseconds(milliseconds));
}

} // namespace raglan
