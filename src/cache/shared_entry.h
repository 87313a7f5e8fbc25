// A cache entry as it lies in Redis: the value's bytes with when it was stored and what it cost,
// under a checksum that covers its key too.
//
// Whoever reads takes nothing on trust: another version's entry, another key's, a cut or changed
// one is none. (The checksum is against accidents. Who can write to Redis can forge entries: Redis
// is inside the deployment's border.)
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/hash.h"

namespace raglan::cache {

struct SharedEntry {
  std::string value;
  WallTime stored{}; // by the clock of whoever stored it, to the millisecond
  Duration keep{};   // how long Redis was told to keep it, to the millisecond; zero: for ever
  Duration cost{};
  std::uint32_t calls = 0;
};

std::string encode_entry(const Hash128& key, const SharedEntry& entry);
std::optional<SharedEntry> decode_entry(const Hash128& key, std::string_view bytes);

} // namespace raglan::cache
