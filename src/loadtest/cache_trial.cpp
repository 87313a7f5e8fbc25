#include "loadtest/cache_trial.h"

#include "cache/local_cache.h"
#include "loadtest/zipf.h"

namespace raglan::loadtest {
namespace {

struct NoAnswer {};
using Cache = cache::LocalCache<NoAnswer>;

} // namespace

double hit_ratio(std::span<const CachedThing> things, std::span<const std::size_t> trace,
                 const CacheTrial& trial) {
  cache::LocalCacheConfig config{.max_bytes = trial.max_bytes, .eviction = trial.eviction};
  config.ttl = std::chrono::hours(24); // the ttl policy orders by it
  Cache cache(config);
  const auto answer = std::make_shared<const NoAnswer>();
  // Time goes on a little with every request, so that entries expire in an order.
  MonotonicTime now{};
  std::size_t hits = 0;
  for (std::size_t i = 0; i < trace.size(); ++i) {
    const CachedThing& thing = things[trace[i]];
    now += std::chrono::microseconds(1);
    if (cache.find(thing.key, now)) {
      hits += i >= trial.uncounted ? 1 : 0;
    } else {
      const std::size_t own = thing.bytes - std::min(thing.bytes, Cache::kEntryOverheadBytes);
      cache.insert(thing.key, answer, own, now);
    }
  }
  const std::size_t counted = trace.size() - std::min(trace.size(), trial.uncounted);
  return static_cast<double>(hits) / static_cast<double>(counted);
}

std::vector<std::size_t> zipf_trace(std::size_t things, double exponent, std::size_t requests,
                                    std::uint64_t seed) {
  const ZipfSampler zipf(things, exponent);
  Rng rng(seed);
  std::vector<std::size_t> trace;
  trace.reserve(requests);
  while (trace.size() < requests) trace.push_back(zipf.sample(rng));
  return trace;
}

} // namespace raglan::loadtest
