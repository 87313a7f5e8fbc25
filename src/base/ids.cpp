#include "base/ids.h"

#include <array>
#include <cstdint>
#include <string_view>

#include "base/rng.h"

namespace raglan {

void write_uuid7(WallTime now, std::span<char, kUuidBytes> out) {
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
  constexpr std::string_view kDigits = "0123456789abcdef";
  auto digit = out.begin();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *digit++ = '-';
    *digit++ = kDigits[bytes[i] >> 4];
    *digit++ = kDigits[bytes[i] & 15];
  }
}

std::string make_uuid7(WallTime now) {
  std::string text(kUuidBytes, '\0');
  write_uuid7(now, std::span<char, kUuidBytes>(text));
  return text;
}

} // namespace raglan
