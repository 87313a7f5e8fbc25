// The real cache code (cache/local_cache.h) under a trace of requests, without a node around it:
// what share of them it answers.
//
// Every miss stores its answer, as a node does. Nothing expires: what is measured is what makes
// room. Thread safe: functions of their arguments.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/hash.h"
#include "cache/eviction.h"

namespace raglan::loadtest {

// What a trace's questions are to a cache.
struct CachedThing {
  Hash128 key;
  std::size_t bytes = 0; // of its entry, as caches count them
};

struct CacheTrial {
  cache::Eviction eviction = cache::Eviction::kLru;
  std::size_t max_bytes = 0;
  std::size_t uncounted = 0; // requests at the start that only fill the cache
};

// The share of hits in `trace`, whose numbers are indexes of `things`; 0 to 1.
double hit_ratio(std::span<const CachedThing> things, std::span<const std::size_t> trace,
                 const CacheTrial& trial);

// So many requests by Zipf's law.
std::vector<std::size_t> zipf_trace(std::size_t things, double exponent, std::size_t requests,
                                    std::uint64_t seed);

} // namespace raglan::loadtest
