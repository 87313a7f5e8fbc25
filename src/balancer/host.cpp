#include "balancer/host.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/hash.h"

namespace raglan::balancer {
namespace {

using Seconds = std::chrono::duration<double>;

constexpr Seconds kMemory{5};
// Answers that come in one moment count as if they had come after one another.
constexpr Seconds kLeastApart{0.001};

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
  const Duration before = latency();
  const Seconds apart =
      std::max<Seconds>(now - latency_at_.load(std::memory_order_relaxed), kLeastApart);
  // By time and not by answers: a host that is well again has few of them at first.
  const double share = before == Duration::zero() ? 1 : 1 - std::exp(-apart / kMemory);
  const auto after = before + std::chrono::duration_cast<Duration>(share * Seconds(took - before));
  latency_.store(std::max(after, Duration(1)), std::memory_order_relaxed);
  latency_at_.store(now, std::memory_order_relaxed);
}

void Host::note_failure(MonotonicTime now) {
  failures_.store(failures(now) + 1, std::memory_order_relaxed);
  failed_at_.store(now, std::memory_order_relaxed);
}

double Host::failures(MonotonicTime now) const {
  const Duration age = now - failed_at_.load(std::memory_order_relaxed);
  if (age > 20 * kMemoryOfFailures) return 0; // and those that never fail cost no exp
  return failures_.load(std::memory_order_relaxed) * std::exp(-Seconds(age) / kMemoryOfFailures);
}

std::uint32_t Host::load(MonotonicTime now) const {
  return in_flight.load(std::memory_order_relaxed) +
         static_cast<std::uint32_t>(std::lround(failures(now)));
}

} // namespace raglan::balancer
