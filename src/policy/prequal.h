// The host that will answer soonest, as far as requests in flight and latency tell.
//
// Prequal (Wydmuch et al., "Load is not what you should balance: Introducing Prequal", NSDI 2024)
// looks at a sample of the hosts, and calls those hot that have more requests in flight than
// kHotQuantile of what hosts lately had. Of the cold ones the one with the lowest latency gets the
// request. Latency tells which hosts are slow; requests in flight, which change at once, keep the
// fast ones from being overrun. They count per weight.
//
// Prequal samples by probes that it sends. Here the loads of all hosts are known without asking:
// the sample is of as many hosts as Prequal's pool has probes, and below that number all of them.
//
// There a host reports its latency at as many requests as it has at this moment. What is known here
// is smoothed, and late: who only looks faster would be overrun before its latency says so, and
// then the next (measured: with six good hosts at 70 % of what they can do, more than a third of
// the deadlines were missed). Therefore
//   - latency is taken to grow with the requests in flight: it is multiplied by what a host has now
//     over what it usually has, the mean of its last kUsualLooks;
//   - hosts whose latency is within kAlike of the lowest are as fast: of these, the one with the
//     fewest in flight, and of equals one at random by weight;
//   - hot is who has more than kHotQuantile of the sample has now, as well. When more is asked of
//     all, they would all be hot, and the slow one, which is idle, alone be cold (measured: eight
//     times as many missed deadlines). So there is always a cold one, and Prequal's other rule, the
//     fewest in flight when all are hot, is not needed.
//
// A host that is not asked has no latency of late. Therefore
//   - one whose latency is not known is tried by one request, and until that is answered it counts
//     as slower than any;
//   - the latency of one that is passed over fades, to 1/e in kMemory or kMemoryChoices, whichever
//     takes longer: what was slow is tried again, the later the slower it was. That is one request
//     in 18 s, and at most one of 360, for a host twelve times as slow as the others.
//
// Thread safety: none; a strategy belongs to one loop.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "policy/host_states.h"
#include "policy/load_balancing.h"

namespace raglan::policy {

class Prequal final : public BalancingStrategy {
 public:
  static constexpr std::size_t kSample = 16;     // the paper's pool
  static constexpr double kHotQuantile = 0.84;   // the paper's 2^-0.25
  static constexpr std::size_t kSeenLoads = 128; // that the quantile is of: the last ones
  static constexpr double kAlike = 2;
  static constexpr double kUsualLooks = 256; // of which those long ago weigh less
  static constexpr std::chrono::seconds kMemory{10};
  static constexpr std::uint64_t kMemoryChoices = 200;

  std::optional<std::size_t> choose(std::span<const HostLoad> hosts, const RequestKey& key,
                                    MonotonicTime now, Rng& rng) override;

 private:
  struct Seen {
    MonotonicTime chosen_at;  // last; before that, since when the host is known
    std::uint64_t choice = 0; // of all choices, which
    double usually_in_flight = 0;
  };

  std::span<const std::size_t> sample(std::span<const HostLoad> hosts, Rng& rng);
  // Remembers the loads. The one above which a host is hot.
  double look(std::span<const HostLoad> hosts, std::span<const std::size_t> sampled,
              std::span<Seen> seen);
  // In nanoseconds, and only to be compared.
  double expected_latency(const HostLoad& host, const Seen& seen, MonotonicTime now) const;

  HostStates<Seen> seen_;
  std::uint64_t choices_ = 0;
  std::array<double, kSeenLoads> loads_{}; // a ring
  std::size_t loads_seen_ = 0;             // so far; the next goes to loads_seen_ % kSeenLoads
  std::array<std::size_t, kSample> sample_{};
};

} // namespace raglan::policy
