// Which host a key belongs to, so that it is the same one each time and few keys move when hosts
// come and go.
//
// Rendezvous hashing (Thaler and Ravishankar, "Using name-based mappings to increase hit rates",
// 1998): key and host together give a number, and the host with the smallest is the key's; the one
// with the next is its second choice. When a host leaves, only its own keys move, each to its
// second choice. The number is exponentially distributed with the host's weight as its rate, so
// that a host has its share of the keys by weight, and a weight that changes moves no keys but to
// or from that host (Schindelhauer and Schomaker, "Weighted distributed hash tables", 2005). A ring
// of points was rejected: it needs a hundred points for each host to be as even, and to be built.
//
// Pure.
#pragma once

#include <cmath>
#include <cstdint>

namespace raglan::policy {

// Stafford's 13th variant of MurmurHash3's finalizer, as in splitmix64.
constexpr std::uint64_t mixed_bits(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// Of a host whose weight is positive. The smaller, the earlier in the key's order of hosts.
inline double rendezvous_distance(std::uint64_t key, std::uint64_t host_id, double weight) {
  // Twice: neighbouring keys, or ids, must have nothing to do with each other.
  const std::uint64_t bits = mixed_bits(mixed_bits(host_id + 0x9e3779b97f4a7c15) ^ key);
  const double uniform = (static_cast<double>(bits >> 11) + 0.5) * 0x1.0p-53; // never 0 or 1
  return -std::log(uniform) / weight;
}

} // namespace raglan::policy
