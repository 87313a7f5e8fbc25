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
  std::string text = to_hex(bytes);
  for (const std::size_t dash : {8, 13, 18, 23}) text.insert(dash, 1, '-');
  return text;
}

} // namespace raglan
