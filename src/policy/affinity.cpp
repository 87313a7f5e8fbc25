#include "policy/affinity.h"

#include <algorithm>
#include <cmath>

#include "policy/rendezvous.h"

namespace raglan::policy {
namespace {

// The first hosts in a content's order.
template <std::size_t kSize>
class Nearest {
 public:
  void offer(double distance, std::size_t place) {
    std::size_t at = known_;
    for (; at > 0 && distance < hosts_[at - 1].distance; --at) {
      if (at < kSize) hosts_[at] = hosts_[at - 1];
    }
    if (at < kSize) hosts_[at] = {distance, place};
    known_ = std::min(known_ + 1, kSize);
  }
  std::size_t size() const { return known_; }
  std::size_t place(std::size_t i) const { return hosts_[i].place; }

 private:
  struct Candidate {
    double distance;
    std::size_t place;
  };
  std::array<Candidate, kSize> hosts_;
  std::size_t known_ = 0;
};

} // namespace

std::optional<std::size_t> Affinity::choose(std::span<const HostLoad> hosts, const RequestKey& key,
                                            MonotonicTime now, Rng& rng) {
  const std::span<double> requests = requests_.of(hosts);
  const double one = weight_now(requests, now);
  std::optional<std::size_t> chosen;
  if (key.content) chosen = by_content(hosts, requests, *key.content, one);
  if (!chosen) chosen = fallback_.choose(hosts, key, now, rng);
  if (chosen) requests[*chosen] += one;
  return chosen;
}

std::optional<std::size_t> Affinity::by_content(std::span<const HostLoad> hosts,
                                                std::span<const double> requests,
                                                std::uint64_t content, double one) {
  Nearest<kCandidates> nearest;
  double total = one;
  double weight = 0;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    if (!hosts[i].eligible) continue;
    total += requests[i];
    weight += hosts[i].weight;
    nearest.offer(rendezvous_distance(content, hosts[i].id, hosts[i].weight), i);
  }
  const double max_of_mean = is_frequent(content) ? kMaxOfMeanFrequent : kMaxOfMean;
  for (std::size_t i = 0; i < nearest.size(); ++i) {
    const std::size_t place = nearest.place(i);
    const double share = total * hosts[place].weight / weight;
    if (requests[place] + one <= std::max(max_of_mean * share, kFewRequests * one)) return place;
  }
  return std::nullopt;
}

double Affinity::weight_now(std::span<double> requests, MonotonicTime now) {
  constexpr double kMaxExponent = 50; // well before a sum overflows
  const double exponent = std::chrono::duration<double>(now - unit_at_) / kMemory;
  if (exponent <= kMaxExponent) return std::exp(exponent);
  for (double& sum : requests) sum *= std::exp(-exponent);
  unit_at_ = now;
  return 1;
}

bool Affinity::is_frequent(std::uint64_t content) {
  const bool frequent = std::ranges::find(recent_, content) != recent_.end();
  recent_[recent_next_++ % kRecent] = content;
  return frequent;
}

} // namespace raglan::policy
