#include "policy/prequal.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "policy/relative_load.h"
#include "policy/weighted_pick.h"

namespace raglan::policy {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

// The smallest load that kHotQuantile of them do not exceed. They are put out of order.
double hot_quantile(std::span<double> loads) {
  const auto size = static_cast<double>(loads.size());
  const auto rank = static_cast<std::ptrdiff_t>(Prequal::kHotQuantile * size);
  std::ranges::nth_element(loads, loads.begin() + rank);
  return loads[static_cast<std::size_t>(rank)];
}

} // namespace

std::optional<std::size_t> Prequal::choose(std::span<const HostLoad> hosts, const RequestKey&,
                                           MonotonicTime now, Rng& rng) {
  const std::span<const std::size_t> sampled = sample(hosts, rng);
  if (sampled.empty()) return std::nullopt;
  const std::span<Seen> seen = seen_.of(hosts, {now, choices_});
  const double limit = look(hosts, sampled, seen);

  std::array<double, kSample> latencies; // a hot host never answers
  double lowest = kNever;
  for (std::size_t i = 0; i < sampled.size(); ++i) {
    const HostLoad& host = hosts[sampled[i]];
    const bool hot = relative_load(host) > limit;
    latencies[i] = hot ? kNever : expected_latency(host, seen[sampled[i]], now);
    lowest = std::min(lowest, latencies[i]);
  }
  WeightedPick pick;
  double fewest = kNever;
  for (std::size_t i = 0; i < sampled.size(); ++i) {
    if (latencies[i] > kAlike * lowest) continue; // none, when no latency is known
    const HostLoad& host = hosts[sampled[i]];
    const double load = relative_load(host);
    if (load > fewest) continue;
    if (load < fewest) pick = {};
    fewest = load;
    pick.offer(sampled[i], host.weight, rng);
  }
  Seen& chosen = seen[*pick.picked()];
  chosen.chosen_at = now;
  chosen.choice = ++choices_;
  return pick.picked();
}

std::span<const std::size_t> Prequal::sample(std::span<const HostLoad> hosts, Rng& rng) {
  // Each with the probability that leaves as many as are still needed (Knuth, TAOCP 3.4.2, S).
  auto left = static_cast<std::size_t>(std::ranges::count(hosts, true, &HostLoad::eligible));
  std::size_t taken = 0;
  for (std::size_t i = 0; i < hosts.size() && taken < kSample; ++i) {
    if (!hosts[i].eligible) continue;
    const std::size_t needed = kSample - taken;
    if (left <= needed || rng.below(left) < needed) sample_[taken++] = i;
    --left;
  }
  return {sample_.data(), taken};
}

double Prequal::look(std::span<const HostLoad> hosts, std::span<const std::size_t> sampled,
                     std::span<Seen> seen) {
  std::array<double, kSample> now;
  for (std::size_t i = 0; i < sampled.size(); ++i) {
    const HostLoad& host = hosts[sampled[i]];
    now[i] = loads_[loads_seen_++ % kSeenLoads] = relative_load(host);
    double& usually = seen[sampled[i]].usually_in_flight;
    usually += (host.in_flight - usually) / kUsualLooks;
  }
  std::array<double, kSeenLoads> lately = loads_;
  return std::max(hot_quantile({now.data(), sampled.size()}),
                  hot_quantile({lately.data(), std::min(loads_seen_, kSeenLoads)}));
}

double Prequal::expected_latency(const HostLoad& host, const Seen& seen, MonotonicTime now) const {
  if (host.latency <= Duration::zero()) return host.in_flight == 0 ? 0 : kNever;
  const auto latency = static_cast<double>(host.latency.count());
  const double growth = (host.in_flight + 1) / (seen.usually_in_flight + 1);
  if (host.in_flight > 0) return latency * growth; // somebody is trying it
  const double by_time = std::chrono::duration<double>(now - seen.chosen_at) / kMemory;
  const double by_choices =
      static_cast<double>(choices_ - seen.choice) / static_cast<double>(kMemoryChoices);
  return latency * growth * std::exp(-std::max(0.0, std::min(by_time, by_choices)));
}

} // namespace raglan::policy
