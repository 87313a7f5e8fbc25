#include "base/ids.h"

#include <array>
#include <cstdint>

#include "base/hex.h"
#include "base/rng.h"

namespace raglan {

std::string make_uuid7(WallTime now) {
  thread_local Rng rng(random_seed());
  const auto millis = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count());
  std::array<std::uint8_t, 16> bytes;
  for (int i = 0; i < 6; ++i) bytes[i] = static_cast<std::uint8_t>(millis >> (40 - 8 * i));
  const std::uint64_t a = rng();
  const std::uint64_t b = rng();
  bytes[6] = static_cast<std::uint8_t>(0x70 | (a & 0x0f));
  bytes[7] = static_cast<std::uint8_t>(a >> 8);
  bytes[8] = static_cast<std::uint8_t>(0x80 | ((a >> 16) & 0x3f));
  for (int i = 9; i < 16; ++i) bytes[i] = static_cast<std::uint8_t>(b >> (8 * (i - 9)));
  const std::string hex = to_hex(bytes);
  std::string text(36, '-');
  constexpr std::array<std::size_t, 6> kParts = {0, 8, 12, 16, 20, 32}; // of the digits
  for (std::size_t part = 0; part + 1 < kParts.size(); ++part) {
    // Each part lies one dash further to the right than in the digits.
    hex.copy(text.data() + kParts[part] + part, kParts[part + 1] - kParts[part], kParts[part]);
  }
  return text;
}

} // namespace raglan
