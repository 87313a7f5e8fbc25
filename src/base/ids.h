// Identifiers that Raglan makes itself.
//
// UUID version 7 (RFC 9562): 48 bits of milliseconds, then random bits, so ids made later sort
// later and need no coordination between nodes. Thread safe.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/clock.h"

namespace raglan {

// 36 characters, e.g. "019ab3c2-7d11-7c3e-9a55-0b6d1c2e3f40".
std::string make_uuid7(WallTime now);
// The same, where there is memory for it.
inline constexpr std::size_t kUuidBytes = 36;
void write_uuid7(WallTime now, std::span<char, kUuidBytes> out);

} // namespace raglan
