// The host that was asked the same before, and so has the answer in its cache.
//
// A request goes to the first host in its content's rendezvous order (policy/rendezvous.h), which
// is the same one each time. Some questions are asked far more often than others, and by hashing
// alone the host of the most frequent ones would get 1.7 times the mean and more. So no host takes
// more than kMaxOfMean times its share, and what is over goes to the next in the content's order
// (Mirrokni, Thorup and Zadimoghaddam, "Consistent hashing with bounded loads", 2018).
//
// What is bounded is the rate of requests, of this strategy: a sum in which a request of kMemory
// ago weighs 1/e of one now. Requests in flight, which the paper and most proxies bound, were
// rejected: a host that answers from its cache has few of them however many it is sent. A host with
// less than kFewRequests in its sum takes everything: where little is asked there is nothing to
// spread.
//
// Frequent content, which was asked for within the last kRecent requests, has the lower bound
// kMaxOfMeanFrequent. So it is nearly always a few frequent questions that go on to the next host,
// and seldom the many rare ones, of which each would need a place in two caches. (Measured, with
// eight hosts and a Zipf exponent of 1: answers missing from the caches 3.4 % instead of 5.0 %, and
// as few keys move when a host leaves as hashing alone moves.)
//
// Without content (an upload, a list), or when none of the first kCandidates hosts may take more,
// `prequal` chooses. Those requests count as well, and may bring a host above the bounds.
//
// A host that is not eligible is passed over: its keys go to each key's next host, and come back.
//
// Thread safety: none; a strategy belongs to one loop.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "policy/host_states.h"
#include "policy/load_balancing.h"
#include "policy/prequal.h"

namespace raglan::policy {

class Affinity final : public BalancingStrategy {
 public:
  static constexpr double kMaxOfMean = 1.25;
  static constexpr double kMaxOfMeanFrequent = 1.2;
  static constexpr std::size_t kRecent = 64;
  static constexpr std::size_t kCandidates = 4;
  static constexpr std::chrono::seconds kMemory{30};
  static constexpr double kFewRequests = 16;

  std::optional<std::size_t> choose(std::span<const HostLoad> hosts, const RequestKey& key,
                                    MonotonicTime now, Rng& rng) override;

 private:
  // `one`: what this request weighs.
  std::optional<std::size_t> by_content(std::span<const HostLoad> hosts,
                                        std::span<const double> requests, std::uint64_t content,
                                        double one);
  double weight_now(std::span<double> requests, MonotonicTime now);
  bool is_frequent(std::uint64_t content);

  Prequal fallback_;
  // Each request weighs more than the ones before it, so that these need not be made to weigh less.
  HostStates<double> requests_;
  MonotonicTime unit_at_{};                     // when a request weighed 1
  std::array<std::uint64_t, kRecent> recent_{}; // a ring
  std::size_t recent_next_ = 0;
};

} // namespace raglan::policy
