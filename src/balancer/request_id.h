// The name of a request, in its header x-request-id: a UUID version 7, as base/ids.h makes them,
// but of a generator that costs no call to the system. It names, and is no secret.
//
// Thread safety: values.
#pragma once

#include <array>
#include <chrono>
#include <string_view>

#include "base/clock.h"
#include "base/rng.h"

namespace raglan::balancer {

class RequestId {
 public:
  void make(WallTime now, Rng& rng) {
    using std::chrono::milliseconds;
    const auto time = static_cast<std::uint64_t>(
        std::chrono::duration_cast<milliseconds>(now.time_since_epoch()).count());
    const std::uint64_t random = rng();
    const std::uint64_t high = time << 16 | 0x7000 | (random & 0xfff);
    const std::uint64_t low = std::uint64_t{1} << 63 | rng() >> 2;
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::size_t at = 0;
    for (int digit = 0; digit < 32; ++digit) {
      if (digit == 8 || digit == 12 || digit == 16 || digit == 20) text_[at++] = '-';
      const std::uint64_t half = digit < 16 ? high : low;
      text_[at++] = kDigits[half >> (60 - 4 * (digit % 16)) & 0xf];
    }
  }
  std::string_view text() const { return {text_.data(), text_.size()}; }

 private:
  std::array<char, 36> text_{};
};

} // namespace raglan::balancer
