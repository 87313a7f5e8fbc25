// Which of a Redis Cluster's 16384 hash slots a key or channel belongs to.
//
//   hash_slot("raglan:query:…:{KEY}") == hash_slot("raglan:claim:query:…:{KEY}")
//
// The slot is CRC16 (CCITT, "XMODEM": polynomial 0x1021, starting at 0, not reflected) of the hash
// tag, modulo 16384. The tag is what stands between the first { and the first } behind it; of a key
// that has none, or an empty one, it is the whole key. So keys that share a tag are on one server,
// and may be used together in a script. From the Redis Cluster specification, "Hash tags".
//
// Pure functions.
#pragma once

#include <cstdint>
#include <string_view>

namespace raglan::redis {

inline constexpr std::size_t kHashSlots = 16'384;

std::uint16_t crc16(std::string_view bytes);
// The part of the key that decides; it points into `key`.
std::string_view hash_tag(std::string_view key);
// Below kHashSlots.
std::uint16_t hash_slot(std::string_view key);

} // namespace raglan::redis
