#include "policy/pacer.h"

#include <gtest/gtest.h>

#include <algorithm>

#include <vector>

namespace raglan::policy {
namespace {

using namespace std::chrono_literals;

constexpr MonotonicTime kStart{1h};
constexpr Deadline kNever;

PacerConfig quota(std::int64_t requests, std::int64_t tokens = 0) {
  PacerConfig config;
  config.requests_per_minute = requests;
  config.tokens_per_minute = tokens;
  config.max_lead = 60s;
  return config;
}

MonotonicTime start_of(Pacer& pacer, double tokens = 0, Tier tier = Tier::kVip,
                       MonotonicTime now = kStart) {
  const auto slot = pacer.reserve({tokens}, tier, kNever, now);
  EXPECT_TRUE(slot.has_value());
  return slot ? slot->start : MonotonicTime::max();
}

TEST(Pacer, WithoutAQuotaEveryCallStartsAtOnce) {
  Pacer pacer;
  for (int i = 0; i < 10'000; ++i) EXPECT_EQ(start_of(pacer, 1e6), kStart);
  EXPECT_FALSE(pacer.status(kStart).alert);
}

TEST(Pacer, ATenthOfAMinuteMayComeAtOnceTheRestEvenly) {
  Pacer pacer(quota(600)); // sixty at once, then nine a second
  for (int i = 0; i < 60; ++i) EXPECT_EQ(start_of(pacer), kStart) << i;
  for (int i = 1; i <= 90; ++i) {
    EXPECT_NEAR(to_milliseconds(start_of(pacer) - kStart), i * 1000 / 9.0, 0.01) << i;
  }
}

TEST(Pacer, TokensArePacedAsRequestsAre) {
  Pacer pacer(quota(0, 60'000)); // 6,000 at once, then 900 a second
  EXPECT_EQ(start_of(pacer, 6'000), kStart);
  EXPECT_NEAR(to_milliseconds(start_of(pacer, 900) - kStart), 1'000, 0.01);
  EXPECT_NEAR(to_milliseconds(start_of(pacer, 900) - kStart), 2'000, 0.01);
}

TEST(Pacer, AnEstimateThatWasTooHighIsGivenBackAndOneTooLowIsPaid) {
  Pacer pacer(quota(0, 60'000));
  const auto high = pacer.reserve({6'000}, Tier::kVip, kNever, kStart);
  ASSERT_TRUE(high);
  pacer.completed(*high, 1'500, kStart);
  const auto low = pacer.reserve({4'500}, Tier::kVip, kNever, kStart);
  ASSERT_TRUE(low);
  EXPECT_EQ(low->start, kStart);
  pacer.completed(*low, 5'400, kStart);
  EXPECT_NEAR(to_milliseconds(start_of(pacer, 900) - kStart), 2'000, 0.01);
}

TEST(Pacer, ACallThatIsNotMadeCostsNothing) {
  Pacer pacer(quota(60));
  std::vector<PacerSlot> slots;
  for (int i = 0; i < 6; ++i) slots.push_back(*pacer.reserve({}, Tier::kVip, kNever, kStart));
  EXPECT_GT(pacer.reserve({}, Tier::kVip, kNever, kStart)->start, kStart);
  Pacer again(quota(60));
  for (int i = 0; i < 6; ++i) again.cancel(*again.reserve({}, Tier::kVip, kNever, kStart), kStart);
  EXPECT_EQ(start_of(again), kStart);
  EXPECT_EQ(again.status(kStart).requests_used_ratio, 1.0 / 60);
}

TEST(Pacer, ACallThatWouldStartAfterItsDeadlineIsRefused) {
  Pacer pacer(quota(60)); // six, then 0.9 a second
  for (int i = 0; i < 6; ++i) start_of(pacer);
  const auto late = pacer.reserve({}, Tier::kVip, Deadline(kStart + 1111ms), kStart);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().reason, PacerReason::kDeadline);
  EXPECT_NEAR(to_milliseconds(late.error().retry_after), 1111.1, 0.1);
  EXPECT_TRUE(pacer.reserve({}, Tier::kVip, Deadline(kStart + 1112ms), kStart));
}

TEST(Pacer, LowerTiersLeaveRoomAndMayBookLessFarAhead) {
  Pacer pacer(quota(600));
  int ingest = 0;
  while (pacer.reserve({}, Tier::kIngest, Deadline(kStart + 1ms), kStart)) ++ingest;
  EXPECT_EQ(ingest, 30); // half of the sixty
  int free = 0;
  while (pacer.reserve({}, Tier::kFree, Deadline(kStart + 1ms), kStart)) ++free;
  EXPECT_EQ(free, 15); // up to three quarters
  for (int i = 0; i < 15; ++i) EXPECT_EQ(start_of(pacer), kStart);
  // Of a minute's lead ingest has six seconds.
  Pacer other(quota(600));
  MonotonicTime last = kStart;
  std::expected<PacerSlot, PacerRefusal> slot;
  while ((slot = other.reserve({}, Tier::kIngest, kNever, kStart))) last = slot->start;
  EXPECT_EQ(slot.error().reason, PacerReason::kAhead);
  EXPECT_TRUE(slot.error().ask_again);
  EXPECT_GT(last, kStart + 5800ms);
  EXPECT_LE(last, kStart + 6s);
  // So a vip waits for what is booked, but not for its room.
  EXPECT_LE(start_of(other), kStart + 3s);
}

TEST(Pacer, ACustomerThatIsRefusedIsNotToAskAgain) {
  Pacer pacer(quota(600));
  std::expected<PacerSlot, PacerRefusal> slot;
  while ((slot = pacer.reserve({}, Tier::kVip, kNever, kStart))) continue;
  EXPECT_EQ(slot.error().reason, PacerReason::kAhead);
  EXPECT_FALSE(slot.error().ask_again);
}

TEST(Pacer, MoreThanAMinutesTokensNeverStart) {
  Pacer pacer(quota(0, 1'000));
  const auto refused = pacer.reserve({1'001}, Tier::kVip, kNever, kStart);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, PacerReason::kTooLarge);
  EXPECT_EQ(refused.error().retry_after, Duration::zero());
  EXPECT_FALSE(pacer.reserve({1'001}, Tier::kIngest, kNever, kStart).error().ask_again);
  EXPECT_TRUE(pacer.reserve({1'000}, Tier::kVip, kNever, kStart));
}

TEST(Pacer, ALargeCallWaitsUntilTheMinuteHasRoomForIt) {
  Pacer pacer(quota(0, 1'000));
  for (int i = 0; i < 60; ++i) {
    const MonotonicTime now = kStart + std::chrono::seconds(i);
    ASSERT_EQ(start_of(pacer, 15, Tier::kVip, now), now);
  }
  // The bucket has been empty for seconds, but it is only then that no more than 33 × 15 are in the
  // window.
  EXPECT_EQ(start_of(pacer, 500, Tier::kVip, kStart + 67s), kStart + 87s);
}

TEST(Pacer, HeadersSetTheQuotaAndTheSmallerOfBothCounts) {
  Pacer pacer(quota(600));
  const auto slot = pacer.reserve({}, Tier::kVip, kNever, kStart);
  pacer.observe({{.limit = 60}, {.limit = 30'000}}, kStart);
  pacer.completed(*slot, std::nullopt, kStart);
  EXPECT_EQ(pacer.status(kStart).requests_limit, 60);
  EXPECT_EQ(pacer.status(kStart).tokens_limit, 30'000);
  pacer.observe({{.limit = 6'000}, {}}, kStart);
  pacer.completed(*slot, std::nullopt, kStart);
  EXPECT_EQ(pacer.status(kStart).requests_limit, 600);
  pacer.set_nodes(4);
  EXPECT_EQ(pacer.status(kStart).requests_limit, 150);
  EXPECT_EQ(pacer.status(kStart).tokens_limit, 7'500);
}

TEST(Pacer, WhatOthersUsedOfTheQuotaIsSeen) {
  Pacer pacer(quota(600));
  const auto slot = pacer.reserve({}, Tier::kVip, kNever, kStart);
  // Three are left, and in half a minute all six hundred.
  pacer.observe({{600, 3, 30s}, {}}, kStart);
  pacer.completed(*slot, std::nullopt, kStart);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(start_of(pacer), kStart);
  EXPECT_NEAR(to_milliseconds(start_of(pacer) - kStart), 1000 * 30 / 597.0, 0.1);
}

TEST(Pacer, A429HoldsBackEveryCallUntilRetryAfter) {
  Pacer pacer(quota(600));
  const auto slot = pacer.reserve({}, Tier::kVip, kNever, kStart);
  pacer.throttled(*slot, 2s, kStart + 100ms);
  EXPECT_EQ(pacer.status(kStart + 100ms).blocked, 2s);
  // Then what is kept for vips, and the others at half of nine a second.
  EXPECT_EQ(start_of(pacer, 0, Tier::kVip, kStart + 1s), kStart + 2'100ms);
  EXPECT_NEAR(to_milliseconds(start_of(pacer, 0, Tier::kPaid, kStart + 1s) - kStart),
              2'100 + 1'000 / 4.5, 0.1);
  const auto early = pacer.reserve({}, Tier::kVip, Deadline(kStart + 2s), kStart + 1s);
  EXPECT_EQ(early.error().reason, PacerReason::kDeadline);
}

TEST(Pacer, AReservationIsMadeAnewWhenA429CameBetween) {
  Pacer pacer(quota(60));
  std::vector<PacerSlot> slots;
  for (int i = 0; i < 8; ++i) slots.push_back(*pacer.reserve({}, Tier::kVip, kNever, kStart));
  const MonotonicTime later = slots[6].start;
  ASSERT_GT(later, kStart);
  EXPECT_EQ(pacer.confirm(slots[6], kNever, later)->start, later);
  pacer.throttled(slots[0], 5s, later);
  const auto moved = pacer.confirm(slots[7], kNever, slots[7].start);
  ASSERT_TRUE(moved);
  EXPECT_GE(moved->start, later + 5s);
}

TEST(Pacer, WhatWasBookedBeforeACutIsBookedAnewAtTheLowerRate) {
  Pacer pacer(quota(600)); // 54 at once, then nine a second
  std::vector<PacerSlot> slots;
  for (int i = 0; i < 100; ++i) slots.push_back(*pacer.reserve({}, Tier::kVip, kNever, kStart));
  pacer.throttled(slots[0], 1s, kStart);
  std::vector<MonotonicTime> starts;
  for (std::size_t i = 60; i < 100; ++i) {
    const MonotonicTime now = std::max(slots[i].start, kStart + 1s);
    const auto moved = pacer.confirm(slots[i], kNever, now);
    if (moved) starts.push_back(moved->start);
  }
  std::ranges::sort(starts);
  ASSERT_EQ(starts.size(), 40u);
  // Seven at once, the others at half of nine a second, and a twentieth more each second; at the
  // old rate it would have been four seconds and a half.
  EXPECT_GE(starts.back() - starts.front(), 5'500ms);
  const PacerSlot anew = *pacer.reserve({}, Tier::kVip, kNever, starts.back());
  EXPECT_EQ(pacer.confirm(anew, kNever, anew.start)->start, anew.start);
}

TEST(Pacer, ABurstOf429sCutsTheRateOnce) {
  PacerConfig config = quota(6'000);
  Pacer pacer(config);
  std::vector<PacerSlot> slots;
  for (int i = 0; i < 105; ++i) slots.push_back(*pacer.reserve({}, Tier::kVip, kNever, kStart));
  for (const auto& slot : slots) pacer.throttled(slot, 1s, kStart + 50ms);
  EXPECT_EQ(pacer.status(kStart + 50ms).throttled, 105u);
  EXPECT_EQ(pacer.status(kStart + 50ms).cuts, 1u);
  EXPECT_EQ(pacer.status(kStart + 50ms).rate_factor, 0.5);
  // A call that was started after the cut says something new.
  const auto after = pacer.reserve({}, Tier::kVip, kNever, kStart + 1050ms);
  pacer.throttled(*after, std::nullopt, kStart + 1100ms);
  EXPECT_EQ(pacer.status(kStart + 1100ms).cuts, 2u);
}

TEST(Pacer, ALongerRetryAfterOfTheSameBurstHoldsTheCutUntilThen) {
  Pacer pacer(quota(600)); // 54 at once, then nine a second
  const auto first = pacer.reserve({}, Tier::kVip, kNever, kStart);
  const auto second = pacer.reserve({}, Tier::kVip, kNever, kStart);
  pacer.throttled(*first, 1s, kStart);
  pacer.throttled(*second, 20s, kStart);
  EXPECT_EQ(pacer.status(kStart).cuts, 1u);
  EXPECT_EQ(pacer.status(kStart + 20s).rate_factor, 0.5);
  EXPECT_EQ(pacer.status(kStart + 21s).rate_factor, 0.55);
  int at_once = 0;
  for (int i = 0; i < 60; ++i) {
    const auto slot = pacer.reserve({}, Tier::kVip, kNever, kStart + 20s);
    if (slot && slot->start == kStart + 20s) ++at_once;
  }
  EXPECT_LE(at_once, 7); // what is kept for vips of the bucket
}

TEST(Pacer, ACallThatIsLateIsBookedAnew) {
  Pacer pacer(quota(600));
  std::vector<PacerSlot> slots;
  for (int i = 0; i < 70; ++i) slots.push_back(*pacer.reserve({}, Tier::kVip, kNever, kStart));
  const PacerSlot& last = slots.back();
  EXPECT_EQ(pacer.confirm(last, kNever, last.start + Pacer::kMaxLate)->start, last.start);
  const MonotonicTime late = last.start + Pacer::kMaxLate + 1ns;
  EXPECT_GE(pacer.confirm(last, kNever, late)->start, late);
}

TEST(Pacer, ANodeOfManyStillHasOneCallAMinute) {
  Pacer pacer(quota(3));
  pacer.set_nodes(4);
  EXPECT_EQ(pacer.status(kStart).requests_limit, 1);
  EXPECT_TRUE(pacer.reserve({}, Tier::kVip, kNever, kStart));
}

TEST(Pacer, TheRateComesBackByAShareASecond) {
  Pacer pacer(quota(600));
  const auto slot = pacer.reserve({}, Tier::kVip, kNever, kStart);
  pacer.throttled(*slot, 1s, kStart);
  EXPECT_DOUBLE_EQ(pacer.status(kStart + 1s).rate_factor, 0.5); // not while nothing is sent
  EXPECT_DOUBLE_EQ(pacer.status(kStart + 6s).rate_factor, 0.75);
  EXPECT_DOUBLE_EQ(pacer.status(kStart + 11s).rate_factor, 1);
  EXPECT_DOUBLE_EQ(pacer.status(kStart + 1h).rate_factor, 1);
}

TEST(Pacer, WithoutAnyQuotaA429TeachesOneThatGrowsAndIsForgotten) {
  Pacer pacer;
  PacerSlot slot;
  MonotonicTime now = kStart;
  for (int i = 0; i < 100; ++i, now += 100ms) slot = *pacer.reserve({}, Tier::kVip, kNever, now);
  pacer.throttled(slot, std::nullopt, now);
  EXPECT_EQ(pacer.status(now).requests_limit, 600);
  EXPECT_EQ(pacer.status(now).rate_factor, 0.5);
  now += 1s + 30s; // 0.05 a second, up to twice
  start_of(pacer, 0, Tier::kVip, now);
  EXPECT_EQ(pacer.status(now).requests_limit, 1'200);
  now += Pacer::kForgetAfter;
  start_of(pacer, 0, Tier::kVip, now);
  EXPECT_EQ(pacer.status(now).requests_limit, 0);
}

TEST(Pacer, ReportsFourFifthsOfAQuota) {
  Pacer pacer(quota(10'000, 100'000));
  ASSERT_TRUE(pacer.reserve({79'999}, Tier::kVip, kNever, kStart));
  EXPECT_FALSE(pacer.status(kStart).alert);
  ASSERT_TRUE(pacer.reserve({1}, Tier::kVip, Deadline(), kStart).has_value());
  EXPECT_TRUE(pacer.status(kStart + 55s).alert); // the second one starts later
  EXPECT_FALSE(pacer.status(kStart + 2min).alert);
  // By what the provider says.
  Pacer other(quota(100));
  const auto slot = other.reserve({}, Tier::kVip, kNever, kStart);
  other.observe({{100, 19, 60s}, {}}, kStart);
  other.completed(*slot, std::nullopt, kStart);
  EXPECT_TRUE(other.status(kStart).alert);
}

} // namespace
} // namespace raglan::policy
