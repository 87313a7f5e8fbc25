// The strategies in front of a fleet in which one host is slow and one answers nothing but errors.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <numbers>
#include <queue>

#include "policy/load_balancing.h"
#include "policy/outlier_ejection.h"
#include "policy/rendezvous.h"

namespace raglan::policy {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kHosts = 8;
constexpr std::size_t kWorkers = 4; // of each host; who finds none free waits
constexpr std::size_t kLoops = 2;   // of the balancer, each with a strategy of its own
constexpr std::size_t kSlow = 0;
constexpr std::size_t kFailing = 1;
constexpr double kSlower = 12;
constexpr double kServiceSeconds = 0.04; // mean
constexpr double kSpread = 0.3;          // of its logarithm
constexpr Duration kDeadline = 250ms;    // the slow host takes 480 ms
constexpr Duration kLongestWait = 10s;   // as what an answer that failed counts
constexpr double kLatencyMemorySeconds = 5;
constexpr MonotonicTime kStart{1h};
constexpr MonotonicTime kEnd = kStart + 300s;

Duration seconds(double count) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(count));
}

class Fleet {
 public:
  Fleet(Strategy strategy, bool ejects, std::uint64_t seed) : ejects_(ejects), rng_(seed) {
    std::vector<std::uint64_t> ids;
    for (std::size_t i = 0; i < kHosts; ++i) {
      hosts_[i].load.id = mixed_bits(seed * kHosts + i + 1);
      hosts_[i].free_at.fill(kStart);
      ids.push_back(hosts_[i].load.id);
    }
    ejections_.set_hosts(ids, kStart);
    for (auto& loop : loops_) loop = make_strategy(strategy);
  }

  // `utilisation`: of what the six good hosts can do.
  void run(double utilisation) {
    const double per_second = utilisation * (kHosts - 2) * kWorkers / kServiceSeconds;
    while (true) {
      const MonotonicTime next = now_ + seconds(-std::log(1 - rng_.uniform()) / per_second);
      while (!under_way_.empty() && under_way_.top().ends <= std::min(next, kEnd)) end_one();
      if (next >= kEnd) break;
      now_ = next;
      begin_one();
    }
    // Those still under way have missed theirs if it is over.
    for (; !under_way_.empty(); under_way_.pop()) {
      ++requests_;
      if (kEnd - under_way_.top().began > kDeadline) ++missed_;
    }
  }

  void recover(std::size_t host, MonotonicTime at) { recovers_[host] = at; }

  double miss_ratio() const { return static_cast<double>(missed_) / requests_; }
  // Of all requests since.
  double share_of(std::size_t host) const {
    double all = 0;
    for (const Host& each : hosts_) all += each.requests;
    return hosts_[host].requests / all;
  }
  void count_from(MonotonicTime at) { counts_from_ = at; }

 private:
  struct Host {
    HostLoad load;
    std::array<MonotonicTime, kWorkers> free_at;
    double latency_seconds = 0;
    MonotonicTime answered_at = kStart;
    double requests = 0;
  };
  struct Request {
    MonotonicTime ends;
    MonotonicTime began;
    std::size_t host;
    bool fails;
    bool operator<(const Request& other) const { return ends > other.ends; }
  };

  bool ill(std::size_t host) const { return host <= kFailing && now_ < recovers_[host]; }

  void begin_one() {
    std::array<HostLoad, kHosts> loads;
    for (std::size_t i = 0; i < kHosts; ++i) {
      loads[i] = hosts_[i].load;
      loads[i].eligible = !ejections_.ejected(loads[i].id, now_);
    }
    const std::size_t place =
        *loops_[rng_.below(kLoops)]->choose(loads, {.client = rng_()}, now_, rng_);
    Host& host = hosts_[place];
    ++host.load.in_flight;
    if (now_ >= counts_from_) ++host.requests;
    if (place == kFailing && ill(place)) {
      under_way_.push({now_ + 100us, now_, place, true});
      return;
    }
    const double normal = std::sqrt(-2 * std::log(1 - rng_.uniform())) *
                          std::cos(2 * std::numbers::pi * rng_.uniform());
    const double service = kServiceSeconds * std::exp(kSpread * normal - kSpread * kSpread / 2) *
                           (place == kSlow && ill(place) ? kSlower : 1);
    auto& free = *std::ranges::min_element(host.free_at);
    free = std::max(free, now_) + seconds(service);
    under_way_.push({free, now_, place, false});
  }

  void end_one() {
    const Request request = under_way_.top();
    under_way_.pop();
    const Duration took = request.ends - request.began;
    ++requests_;
    if (request.fails || took > kDeadline) ++missed_;

    Host& host = hosts_[request.host];
    --host.load.in_flight;
    const double counts_as =
        std::chrono::duration<double>(request.fails ? kLongestWait : took).count();
    const double age = std::chrono::duration<double>(request.ends - host.answered_at).count();
    const double kept = host.latency_seconds > 0 ? std::exp(-age / kLatencyMemorySeconds) : 0;
    host.latency_seconds = kept * host.latency_seconds + (1 - kept) * counts_as;
    host.load.latency = seconds(host.latency_seconds);
    host.answered_at = request.ends;
    if (!ejects_) return;
    ejections_.ended(host.load.id,
                     request.fails ? ExchangeEnd::kServerError : ExchangeEnd::kAnswered,
                     request.ends);
  }

  bool ejects_;
  OutlierEjection ejections_;
  std::array<std::unique_ptr<BalancingStrategy>, kLoops> loops_;
  std::array<Host, kHosts> hosts_;
  std::array<MonotonicTime, 2> recovers_{MonotonicTime::max(), MonotonicTime::max()};
  MonotonicTime counts_from_ = kStart;
  std::priority_queue<Request> under_way_;
  Rng rng_;
  MonotonicTime now_ = kStart;
  double requests_ = 0;
  double missed_ = 0;
};

double miss_ratio(Strategy strategy, bool ejects, double utilisation, std::uint64_t seed) {
  Fleet fleet(strategy, ejects, seed);
  fleet.run(utilisation);
  return fleet.miss_ratio();
}

TEST(BalancingSimulation, PrequalAndEjectionMeetTheDeadlinesThatOthersMiss) {
  std::uint64_t seed = 0;
  for (const double utilisation : {0.1, 0.3, 0.5, 0.7, 0.9}) {
    ++seed;
    const auto missed = [&](Strategy strategy, bool ejects) {
      return miss_ratio(strategy, ejects, utilisation, seed);
    };
    const double round_robin = missed(Strategy::kRoundRobin, false);
    const double least_connections = missed(Strategy::kLeastConnections, false);
    const double prequal = missed(Strategy::kPrequal, true);
    const double affinity = missed(Strategy::kAffinity, true); // without content: its fallback
    std::printf(
        "  at %2.0f %%: missed by round robin %.4f, least connections %.4f (with ejection %.4f), "
        "prequal %.5f (without %.5f), affinity %.5f\n",
        100 * utilisation, round_robin, least_connections,
        missed(Strategy::kLeastConnections, true), prequal, missed(Strategy::kPrequal, false),
        affinity);
    for (const double ours : {prequal, affinity}) {
      EXPECT_LE(ours, round_robin / 50);
      EXPECT_LE(ours, least_connections / 10);
    }
  }
}

TEST(BalancingSimulation, HostsThatAreWellAgainGetTheirShareAgain) {
  for (const Strategy strategy : {Strategy::kPrequal, Strategy::kAffinity}) {
    Fleet fleet(strategy, true, 3);
    fleet.recover(kSlow, kStart + 100s);
    fleet.recover(kFailing, kStart + 100s);
    fleet.count_from(kStart + 240s);
    fleet.run(0.5);
    EXPECT_GT(fleet.share_of(kSlow), 0.8 / kHosts);
    EXPECT_GT(fleet.share_of(kFailing), 0.8 / kHosts);
  }
}

} // namespace
} // namespace raglan::policy
