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
  const Duration before = latency(now);
  const Seconds apart =
      std::max<Seconds>(now - latency_at_.load(std::memory_order_relaxed), kLeastApart);
  // By time and not by answers: a host that is well again has few of them at first.
  const double share = before == Duration::zero() ? 1 : 1 - std::exp(-apart / kMemory);
  const auto after = before + std::chrono::duration_cast<Duration>(share * Seconds(took - before));
  latency_.store(std::max(after, Duration(1)), std::memory_order_relaxed);
  latency_at_.store(now, std::memory_order_relaxed);
}

Duration Host::latency(MonotonicTime now) const {
  const Duration age = now - latency_at_.load(std::memory_order_relaxed);
  const auto halvings = std::clamp<std::int64_t>(age / kHalfLife, 0, 62);
  return Duration(latency_.load(std::memory_order_relaxed).count() >> halvings);
}

} // namespace raglan::balancer
