// The pacer in every order of events, and in front of a simulated provider.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "policy/pacer.h"
#include "policy/token_bucket.h"

namespace raglan::policy {
namespace {

using namespace std::chrono_literals;

constexpr MonotonicTime kStart{1h};

struct Made {
  PacerSlot slot;
  bool started = false;
};

// The most that started within any minute, by sliding over the starts.
double most_in_a_minute(const std::multimap<MonotonicTime, double>& starts) {
  double sum = 0;
  double most = 0;
  auto first = starts.begin();
  for (auto last = starts.begin(); last != starts.end(); ++last) {
    sum += last->second;
    while (last->first - first->first > 60s) sum -= (first++)->second;
    most = std::max(most, sum);
  }
  return most;
}

// Ten thousand random schedules of reservations of all tiers and sizes, answers with less or more
// tokens than estimated, calls that are not made, 429s and time:
//   Quota    no minute has more requests than the quota, nor more tokens but for what estimates
//            were too low by
//   InTime   no start is before now, after the deadline, or further ahead than the tier may book
//   Blocked  no call starts before a Retry-After is over
//   Confirmed  nor after one was confirmed that was booked before it
//   Returns  after a quiet quarter of an hour a call starts at once, at the full rate
TEST(PacerSimulation, HoldsInEveryOrderOfEvents) {
  for (std::uint64_t seed = 0; seed < 10'000; ++seed) {
    Rng rng(seed);
    PacerConfig config;
    config.requests_per_minute = 5 + static_cast<std::int64_t>(rng.below(60));
    config.tokens_per_minute = 1'000 + static_cast<std::int64_t>(rng.below(5'000));
    config.max_lead = std::chrono::seconds(1 + rng.below(40));
    Pacer pacer(config);
    std::multimap<MonotonicTime, double> requests;
    std::multimap<MonotonicTime, double> tokens;
    std::vector<PacerSlot> slots;
    double too_low = 0;
    MonotonicTime now = kStart;
    MonotonicTime blocked = kStart;
    for (int i = 0; i < 60; ++i) {
      const auto choice = rng.below(8);
      if (choice < 5) {
        const Tier tier = kAllTiers[rng.below(kTiers)];
        const Deadline deadline = rng.below(2) == 0
                                      ? Deadline()
                                      : Deadline(now + std::chrono::seconds(1 + rng.below(20)));
        const double cost = static_cast<double>(rng.below(rng.below(8) == 0 ? 1'000 : 100));
        const auto slot = pacer.reserve({cost}, tier, deadline, now);
        if (!slot) continue;
        ASSERT_GE(slot->start, now) << "InTime, seed " << seed;
        ASSERT_FALSE(deadline.expired(slot->start)) << "InTime, seed " << seed;
        ASSERT_LE(slot->start - now, config.max_lead) << "InTime, seed " << seed;
        ASSERT_GE(slot->start, blocked) << "Blocked, seed " << seed;
        slots.push_back(*slot);
      } else if (choice == 5) {
        now += std::chrono::milliseconds(rng.below(20'000));
      } else if (!slots.empty()) {
        const auto which = rng.below(slots.size());
        std::swap(slots[which], slots.back());
        PacerSlot slot = slots.back();
        slots.pop_back();
        if (slot.start > now) {
          pacer.cancel(slot, now);
          continue;
        }
        const auto confirmed = pacer.confirm(slot, Deadline(), now);
        if (!confirmed) continue;
        ASSERT_GE(confirmed->start, blocked) << "Confirmed, seed " << seed;
        if (confirmed->start > now) {
          slots.push_back(*confirmed);
          continue;
        }
        slot = *confirmed;
        requests.emplace(slot.start, 1);
        if (choice == 6) {
          const double used = slot.tokens * (0.5 + 0.6 * rng.uniform());
          too_low += std::max(0.0, used - slot.tokens);
          tokens.emplace(slot.start, used);
          pacer.completed(slot, used, now);
        } else {
          const Duration retry_after = std::chrono::milliseconds(rng.below(5'000));
          blocked = std::max(blocked, now + retry_after);
          pacer.throttled(slot, retry_after, now);
        }
      }
    }
    for (const auto& slot : slots) {
      requests.emplace(slot.start, 1);
      tokens.emplace(slot.start, slot.tokens);
    }
    ASSERT_LE(most_in_a_minute(requests), static_cast<double>(config.requests_per_minute))
        << "Quota, seed " << seed;
    ASSERT_LE(most_in_a_minute(tokens),
              static_cast<double>(config.tokens_per_minute) * 1.00001 + too_low)
        << "Quota, seed " << seed;
    now += 15min;
    const auto slot = pacer.reserve({1}, Tier::kIngest, Deadline(), now);
    ASSERT_TRUE(slot) << "Returns, seed " << seed;
    ASSERT_EQ(slot->start, now) << "Returns, seed " << seed;
    ASSERT_EQ(pacer.status(now).rate_factor, 1) << "Returns, seed " << seed;
  }
}

// A provider with a token bucket of its quota, as OpenAI's, which tells its state in each answer,
// and a node that always has work, of two tiers.
TEST(PacerSimulation, UsesNearlyAllOfAQuotaWithoutA429AndVipsWaitLess) {
  constexpr double kPerMinute = 600;
  Pacer pacer({.requests_per_minute = 600});
  TokenBucket provider({.per_second = kPerMinute / 60, .size = kPerMinute}, kStart);
  std::size_t refused = 0;
  std::size_t served = 0;
  std::array<double, kTiers> waited{};
  std::array<std::size_t, kTiers> calls{};
  MonotonicTime now = kStart;
  MonotonicTime vip_comes = kStart;
  for (; now < kStart + 10min; now += 10ms) {
    const auto call = [&](Tier tier) {
      const auto slot = pacer.reserve({}, tier, Deadline(now + 1s), now);
      if (!slot) return false;
      waited[index_of(tier)] += to_milliseconds(slot->start - now);
      ++calls[index_of(tier)];
      provider.try_take(1, slot->start) ? ++served : ++refused;
      return true;
    };
    if (now >= vip_comes) {
      call(Tier::kVip);
      vip_comes += 500ms;
    }
    while (call(Tier::kIngest)) {
    }
  }
  const double share = static_cast<double>(served) / (kPerMinute * 10);
  const auto mean = [&](Tier tier) {
    return waited[index_of(tier)] / static_cast<double>(calls[index_of(tier)]);
  };
  std::printf("  %.3f of the quota, %zu refused; vip waits %.0f ms, ingest %.0f ms\n", share,
              refused, mean(Tier::kVip), mean(Tier::kIngest));
  EXPECT_EQ(refused, 0u);
  EXPECT_GT(share, 0.88);
  EXPECT_LT(mean(Tier::kVip), 10);
}

// Twenty customers a second, a provider without any limit that answers 429 for four seconds, and a
// quiet node that meets a single 429.
TEST(PacerSimulation, AShortSpellOf429sIsOverSoonAfterIt) {
  for (const Duration gap : {50ms, 1'000ms}) {
    const double offered = 1 / std::chrono::duration<double>(gap).count();
    Pacer pacer;
    std::vector<PacerSlot> booked;
    std::array<double, 90> served{};
    const MonotonicTime ill = kStart + 5s;
    const MonotonicTime well = ill + (gap < 1s ? 4s : 1s);
    MonotonicTime comes = kStart;
    for (MonotonicTime now = kStart; now < kStart + 90s; now += 10ms) {
      if (now >= comes) {
        comes += gap;
        const auto slot = pacer.reserve({}, Tier::kPaid, Deadline(now + 5s), now);
        if (slot) booked.push_back(*slot);
      }
      std::vector<PacerSlot> later;
      for (const PacerSlot& slot : std::exchange(booked, {})) {
        if (slot.start > now) {
          later.push_back(slot);
          continue;
        }
        const auto confirmed = pacer.confirm(slot, Deadline(now + 5s), now);
        if (!confirmed) continue;
        if (confirmed->start > now) {
          later.push_back(*confirmed);
        } else if (now >= ill && now < well) {
          pacer.throttled(*confirmed, std::nullopt, now);
        } else {
          served[static_cast<std::size_t>((now - kStart) / 1s)] += 1 / offered;
          pacer.completed(*confirmed, std::nullopt, now);
        }
      }
      booked = std::move(later);
    }
    const auto mean = [&](std::size_t from, std::size_t until) {
      return std::accumulate(served.begin() + static_cast<long>(from),
                             served.begin() + static_cast<long>(until), 0.0) /
             static_cast<double>(until - from);
    };
    std::printf("  %.0f a second: %.2f after 5 s, %.2f after 15 s, %.2f in the end\n", offered,
                mean(14, 19), mean(24, 30), mean(60, 90));
    EXPECT_GT(mean(14, 19), 0.15);
    EXPECT_GT(mean(24, 30), 0.7);
    EXPECT_GT(mean(60, 90), 0.99);
  }
}

// Nodes that know nothing of each other share a provider that says nothing but 429.
TEST(PacerSimulation, NodesThatDoNotKnowEachOtherShareAnUnknownQuota) {
  constexpr std::size_t kNodes = 3;
  std::vector<Pacer> pacers(kNodes);
  TokenBucket provider({.per_second = 20, .size = 20}, kStart);
  std::array<std::size_t, kNodes> served{};
  std::size_t refused = 0;
  for (MonotonicTime now = kStart; now < kStart + 10min; now += 10ms) {
    for (std::size_t node = 0; node < kNodes; ++node) {
      // Each would like to make a hundred calls a second; the first minute does not count.
      const auto slot = pacers[node].reserve({}, Tier::kPaid, Deadline(now + 1ms), now);
      if (!slot) continue;
      const bool counts = now > kStart + 1min;
      if (provider.try_take(1, now)) {
        if (counts) ++served[node];
        pacers[node].completed(*slot, std::nullopt, now);
      } else {
        if (counts) ++refused;
        pacers[node].throttled(*slot, std::nullopt, now);
      }
    }
  }
  const double all = static_cast<double>(served[0] + served[1] + served[2]);
  std::printf("  %.2f of the quota, one in %.0f refused; shares %.2f %.2f %.2f\n", all / (540 * 20),
              all / static_cast<double>(std::max<std::size_t>(refused, 1)),
              static_cast<double>(served[0]) / all, static_cast<double>(served[1]) / all,
              static_cast<double>(served[2]) / all);
  EXPECT_GT(all / (540 * 20), 0.6);
  EXPECT_GT(static_cast<double>(std::ranges::min(served)) / all, 0.2);
  EXPECT_LT(static_cast<double>(refused) / all, 0.1);
}

} // namespace
} // namespace raglan::policy
