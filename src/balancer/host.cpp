#include "balancer/host.h"

#include <cmath>
#include <cstring>

#include "base/hash.h"
#include "policy/host_estimates.h"

namespace raglan::balancer {
namespace {

std::uint64_t id_of(std::string_view name) {
  const Hash128 hash = hash128(name);
  std::uint64_t id = 0;
  std::memcpy(&id, hash.bytes.data(), sizeof id);
  return id;
}

} // namespace

Host::Host(HostAddress where, std::uint32_t host_weight)
    : address(std::move(where)), id(id_of(address.name)), weight(host_weight) {}

void Host::note_latency(Duration took, MonotonicTime now) {
  const Duration since = now - latency_at_.load(std::memory_order_relaxed);
  latency_.store(policy::smoothed_latency(latency(), took, since), std::memory_order_relaxed);
  latency_at_.store(now, std::memory_order_relaxed);
}

void Host::note_failure(MonotonicTime now) {
  failures_.store(failures(now) + 1, std::memory_order_relaxed);
  failed_at_.store(now, std::memory_order_relaxed);
}

double Host::failures(MonotonicTime now) const {
  return policy::remembered_failures(failures_.load(std::memory_order_relaxed),
                                     now - failed_at_.load(std::memory_order_relaxed));
}

std::uint32_t Host::load(MonotonicTime now) const {
  return in_flight.load(std::memory_order_relaxed) +
         static_cast<std::uint32_t>(std::lround(failures(now)));
}

} // namespace raglan::balancer
