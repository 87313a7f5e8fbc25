// The wait queue in every order of events, and in front of a simulated service under overload.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <queue>
#include <string>
#include <vector>

#include "base/rng.h"
#include "policy/admission.h"
#include "policy/concurrency_limit.h"

namespace raglan::policy {
namespace {

using namespace std::chrono_literals;

constexpr MonotonicTime kStart{1h};

// Drives an Admission through random events and checks each step:
//   Once      every ticket that waits ends exactly once, as admitted, dropped or cancelled
//   Bounded   never more than max_waiting wait, none longer than max_wait once polled
//   Places    poll admits no more than there are places, and leaves none free while somebody waits
//   InTime    no ticket is admitted after the last moment at which it could begin
//   VipFirst  no vip is refused as full while a lower tier waits; none is dropped for its age in a
//             poll that admits a lower tier; and no lower tier is served before a vip in distress
//   Wakes     who polls at next_event is not told to come back at once
class Walk {
 public:
  explicit Walk(std::uint64_t seed) : rng_(seed), seed_(seed), admission_(config()) {}

  void step() {
    switch (rng_.below(8)) {
      case 0:
      case 1:
      case 2:
      case 3: enqueue(); break;
      case 4: now_ += std::chrono::milliseconds(rng_.below(300)); break;
      case 5: cancel(); break;
      case 6: wake(); break;
      default: poll(rng_.below(4)); break;
    }
    ASSERT_EQ(admission_.waiting(), waits_.size()) << "Once, seed " << seed_;
    ASSERT_LE(waits_.size(), admission_.config().max_waiting) << "Bounded, seed " << seed_;
  }

  // Whatever happened, all that still wait come to an end.
  void drain() {
    now_ += admission_.config().max_wait;
    poll(0);
    ASSERT_TRUE(waits_.empty()) << "Bounded, seed " << seed_;
    ASSERT_FALSE(admission_.next_event()) << "seed " << seed_;
  }

 private:
  struct Waiting {
    Tier tier;
    MonotonicTime since;
    MonotonicTime latest_start;
  };

  AdmissionConfig config() {
    AdmissionConfig config;
    config.max_waiting = 1 + rng_.below(12);
    config.max_wait = std::chrono::milliseconds(500 + rng_.below(4'000));
    config.target = std::chrono::milliseconds(50 + rng_.below(300));
    config.interval = std::chrono::milliseconds(50 + rng_.below(500));
    config.adaptive_lifo = rng_.below(2) == 0;
    return config;
  }

  void enqueue() {
    Ticket ticket;
    ticket.tier = kAllTiers[rng_.below(kTiers)];
    ticket.tenant = std::string(1, static_cast<char>('a' + rng_.below(3)));
    ticket.cost = 0.5 + rng_.uniform();
    if (rng_.below(2) == 0) {
      ticket.deadline = Deadline(now_ + std::chrono::milliseconds(rng_.below(3'000)));
      ticket.needs = std::chrono::milliseconds(rng_.below(200));
    }
    const auto latest =
        ticket.deadline.never() ? MonotonicTime::max() : ticket.deadline.at() - ticket.needs;
    const std::size_t places = rng_.below(3);
    const auto entry = admission_.enqueue(ticket, places, now_);
    if (entry.evicted) {
      ASSERT_GE(entry.evicted->tier, ticket.tier) << "seed " << seed_;
      end(*entry.evicted);
    }
    if (entry.state == AdmissionState::kQueued) {
      ASSERT_TRUE(waits_.emplace(entry.id, Waiting{ticket.tier, now_, latest}).second);
    } else if (entry.state == AdmissionState::kAdmitted) {
      ASSERT_GT(places, 0u) << "Places, seed " << seed_;
      ASSERT_TRUE(waits_.empty()) << "Places, seed " << seed_;
      ASSERT_GT(latest, now_) << "InTime, seed " << seed_;
    } else if (entry.reason == AdmissionReason::kFull) {
      for (const auto& [id, other] : waits_) {
        ASSERT_LE(other.tier, ticket.tier) << "VipFirst, seed " << seed_;
      }
    }
  }

  void cancel() {
    if (waits_.empty()) return;
    auto at = waits_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(rng_.below(waits_.size())));
    ASSERT_TRUE(admission_.cancel(at->first)) << "Once, seed " << seed_;
    waits_.erase(at);
  }

  void wake() {
    const auto next = admission_.next_event();
    ASSERT_EQ(next.has_value(), !waits_.empty());
    if (!next) return;
    now_ = std::max(now_, *next);
    poll(0);
    const auto again = admission_.next_event();
    ASSERT_TRUE(!again || *again > now_) << "Wakes, seed " << seed_;
  }

  void poll(std::size_t places) {
    const auto decisions = admission_.poll(places, now_);
    std::size_t admitted = 0;
    Tier lowest = Tier::kVip;
    bool vip_aged = false;
    for (const auto& decision : decisions) {
      if (decision.dropped == AdmissionReason::kNone) {
        ++admitted;
        lowest = std::max(lowest, decision.tier);
        ASSERT_GT(waits_.at(decision.id).latest_start, now_) << "InTime, seed " << seed_;
      }
      vip_aged |= decision.tier == Tier::kVip && decision.dropped == AdmissionReason::kOverload;
      end(decision);
    }
    ASSERT_LE(admitted, places) << "Places, seed " << seed_;
    if (admitted < places) ASSERT_TRUE(waits_.empty()) << "Places, seed " << seed_;
    ASSERT_FALSE(vip_aged && lowest > Tier::kVip) << "VipFirst, seed " << seed_;
    for (const auto& [id, waiting] : waits_) {
      ASSERT_LT(now_ - waiting.since, admission_.config().max_wait) << "Bounded, seed " << seed_;
      if (waiting.tier != Tier::kVip || lowest == Tier::kVip) continue;
      const Duration target = admission_.config().target;
      ASSERT_LE(now_ - waiting.since, target) << "VipFirst, seed " << seed_;
      ASSERT_GE(waiting.latest_start - now_, target) << "VipFirst, seed " << seed_;
    }
  }

  void end(const AdmissionDecision& decision) {
    const auto at = waits_.find(decision.id);
    ASSERT_TRUE(at != waits_.end()) << "Once, seed " << seed_;
    ASSERT_EQ(at->second.tier, decision.tier);
    ASSERT_EQ(decision.waited, now_ - at->second.since);
    waits_.erase(at);
  }

  Rng rng_;
  std::uint64_t seed_;
  Admission admission_;
  MonotonicTime now_ = kStart;
  std::map<std::uint64_t, Waiting> waits_;
};

TEST(AdmissionSimulation, HoldsInEveryOrderOfEvents) {
  for (std::uint64_t seed = 0; seed < 10'000; ++seed) {
    Walk walk(seed);
    for (int i = 0; i < 60 && !testing::Test::HasFatalFailure(); ++i) walk.step();
    walk.drain();
    if (testing::Test::HasFatalFailure()) return;
  }
}

// A service that does 40 at a time, 100 ms each (exponential), behind the queue and a limit of 40;
// customers come by a Poisson process and would wait for 2 s.
struct Load {
  double per_second = 400;
  std::array<double, kTiers> share{0.05, 0.25, 0.7, 0}; // of those who come, by tier
};

struct Outcome {
  std::array<std::size_t, kTiers> came{};
  std::array<std::size_t, kTiers> served{};
  std::array<std::size_t, 3> tenants{}; // served, of paid: busy and two others
  std::vector<double> waited_ms;
  double goodput = 0;
  double success(Tier tier) const {
    return static_cast<double>(served[index_of(tier)]) / static_cast<double>(came[index_of(tier)]);
  }
  double wait_ms(double quantile) {
    std::ranges::sort(waited_ms);
    return waited_ms[static_cast<std::size_t>(quantile *
                                              static_cast<double>(waited_ms.size() - 1))];
  }
};

class Service {
 public:
  explicit Service(AdmissionConfig config, std::uint64_t seed = 3)
      : admission_(config), rng_(seed) {}

  Outcome run(const Load& load, Duration time) {
    Outcome outcome;
    const MonotonicTime end = now_ + time;
    MonotonicTime arrives = now_ + exponential(1 / load.per_second);
    while (now_ < end) {
      MonotonicTime next = arrives;
      if (!ends_.empty()) next = std::min(next, ends_.top());
      if (const auto event = admission_.next_event()) next = std::min(next, *event);
      now_ = std::max(now_, next);
      while (!ends_.empty() && ends_.top() <= now_) ends_.pop();
      if (now_ >= arrives) {
        arrive(load, outcome);
        arrives = now_ + exponential(1 / load.per_second);
      }
      for (const auto& decision : admission_.poll(kPlaces - ends_.size(), now_)) {
        if (decision.dropped == AdmissionReason::kNone) {
          serve(decision.tier, decision.waited, waits_.at(decision.id), outcome);
        }
        waits_.erase(decision.id);
      }
    }
    std::size_t served = 0;
    for (const auto count : outcome.served) served += count;
    outcome.goodput = static_cast<double>(served) / std::chrono::duration<double>(time).count();
    return outcome;
  }

 private:
  static constexpr std::size_t kPlaces = 40;

  Duration exponential(double mean_seconds) {
    return std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>(-std::log(1 - rng_.uniform()) * mean_seconds));
  }

  void arrive(const Load& load, Outcome& outcome) {
    double draw = rng_.uniform();
    std::size_t tier = 0;
    while (tier + 1 < kTiers && draw >= load.share[tier]) draw -= load.share[tier++];
    // The first tenant sends eight tenths of what its tier sends.
    const double whose = rng_.uniform();
    const std::size_t tenant = whose < 0.8 ? 0 : whose < 0.9 ? 1 : 2;
    ++outcome.came[tier];
    const auto entry = admission_.enqueue({.tenant = std::to_string(tenant),
                                           .tier = kAllTiers[tier],
                                           .deadline = Deadline(now_ + 2s),
                                           .needs = 100ms},
                                          kPlaces - ends_.size(), now_);
    if (entry.evicted) waits_.erase(entry.evicted->id);
    if (entry.state == AdmissionState::kQueued) waits_[entry.id] = tenant;
    if (entry.state == AdmissionState::kAdmitted) {
      serve(kAllTiers[tier], Duration::zero(), tenant, outcome);
    }
  }

  void serve(Tier tier, Duration waited, std::size_t tenant, Outcome& outcome) {
    ++outcome.served[index_of(tier)];
    if (tier == Tier::kPaid) ++outcome.tenants[tenant];
    outcome.waited_ms.push_back(to_milliseconds(waited));
    ends_.push(now_ + exponential(0.1));
  }

  Admission admission_;
  Rng rng_;
  MonotonicTime now_ = kStart;
  std::priority_queue<MonotonicTime, std::vector<MonotonicTime>, std::greater<>> ends_;
  std::map<std::uint64_t, std::size_t> waits_; // tenants
};

TEST(AdmissionSimulation, UnderOverloadGoodputStandsAndVipsAreServed) {
  for (const double load : {0.8, 1.0, 2.0, 3.0, 5.0, 10.0}) {
    Service service({});
    service.run({.per_second = 400 * load}, 5s); // until overload is noticed
    auto outcome = service.run({.per_second = 400 * load}, 30s);
    std::printf(
        "  %4.1fx: %.0f/s, success vip %.3f paid %.3f free %.3f; wait p50 %.0f p99 %.0f ms\n", load,
        outcome.goodput, outcome.success(Tier::kVip), outcome.success(Tier::kPaid),
        outcome.success(Tier::kFree), outcome.wait_ms(0.5), outcome.wait_ms(0.99));
    EXPECT_GT(outcome.goodput, 0.95 * std::min(400.0, 400 * load));
    EXPECT_GE(outcome.success(Tier::kVip), 0.99);
    EXPECT_LE(outcome.wait_ms(0.99), load > 1.5 ? 350 : 500);
  }
}

TEST(AdmissionSimulation, ServingTheNewestFirstShortensTheWaitOfThoseWhoAreServed) {
  const Load only_free{.per_second = 1'200, .share = {0, 0, 1, 0}};
  auto lifo = Service({.adaptive_lifo = true}).run(only_free, 60s);
  auto fifo = Service({.adaptive_lifo = false}).run(only_free, 60s);
  std::printf(
      "  newest first: %.0f/s, wait p50 %.0f p90 %.0f ms; oldest first: %.0f/s, %.0f, %.0f\n",
      lifo.goodput, lifo.wait_ms(0.5), lifo.wait_ms(0.9), fifo.goodput, fifo.wait_ms(0.5),
      fifo.wait_ms(0.9));
  EXPECT_LT(lifo.wait_ms(0.5), fifo.wait_ms(0.5) / 4);
  EXPECT_GT(lifo.goodput, 0.98 * fifo.goodput);
}

TEST(AdmissionSimulation, ABusyTenantTakesNothingFromTheOthersOfItsTier) {
  // Three tenants, of which the first sends eight tenths; all would get 133 a second.
  const Load only_paid{.per_second = 1'200, .share = {0, 1, 0, 0}};
  const auto outcome = Service({}).run(only_paid, 60s);
  std::printf("  busy %.0f/s, others %.0f and %.0f/s of 120 that they ask for\n",
              static_cast<double>(outcome.tenants[0]) / 60,
              static_cast<double>(outcome.tenants[1]) / 60,
              static_cast<double>(outcome.tenants[2]) / 60);
  EXPECT_GT(outcome.tenants[1], 60 * 115u);
  EXPECT_GT(outcome.tenants[2], 60 * 115u);
}

TEST(AdmissionSimulation, FreeIsNotStarvedByAVipThatTakesAllThereIs) {
  // vip asks for nearly all, free for as much: free keeps its twentieth while vip is well.
  const auto outcome = Service({}).run({.per_second = 740, .share = {0.5, 0, 0.5, 0}}, 120s);
  std::printf("  vip %.3f, free %.3f\n", outcome.success(Tier::kVip), outcome.success(Tier::kFree));
  EXPECT_GT(outcome.success(Tier::kVip), 0.99);
  EXPECT_GT(outcome.success(Tier::kFree), 0.03);
}

} // namespace
} // namespace raglan::policy
