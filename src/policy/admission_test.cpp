#include "policy/admission.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace raglan::policy {
namespace {

using namespace std::chrono_literals;

constexpr MonotonicTime kStart{1h};
constexpr Duration kTick{1};

Ticket ticket(Tier tier, std::string tenant = "t", Deadline deadline = {}) {
  return {.tenant = std::move(tenant), .tier = tier, .deadline = deadline};
}

std::uint64_t queue_one(Admission& admission, Tier tier, MonotonicTime now = kStart,
                        std::string tenant = "t", Deadline deadline = {}) {
  const auto entry = admission.enqueue(ticket(tier, std::move(tenant), deadline), 0, now);
  EXPECT_EQ(entry.state, AdmissionState::kQueued);
  return entry.id;
}

// One admission each `gap`, so that the wait can be estimated.
MonotonicTime serve_steadily(Admission& admission, Duration gap) {
  auto now = kStart;
  queue_one(admission, Tier::kVip, now);
  for (int i = 0; i < 100; ++i) {
    queue_one(admission, Tier::kVip, now);
    now += gap;
    EXPECT_EQ(admission.poll(1, now).size(), 1u);
  }
  return now;
}

TEST(Admission, WithAPlaceAndNobodyWaitingATicketIsAdmittedAtOnce) {
  Admission admission;
  EXPECT_EQ(admission.enqueue(ticket(Tier::kFree), 1, kStart).state, AdmissionState::kAdmitted);
  EXPECT_EQ(admission.waiting(), 0u);
  EXPECT_FALSE(admission.next_event());
}

TEST(Admission, NobodyOvertakesThoseWhoWait) {
  Admission admission;
  const auto first = queue_one(admission, Tier::kPaid);
  const auto second = admission.enqueue(ticket(Tier::kPaid), 1, kStart);
  EXPECT_EQ(second.state, AdmissionState::kQueued);
  const auto decisions = admission.poll(1, kStart + 1ms);
  ASSERT_EQ(decisions.size(), 1u);
  EXPECT_EQ(decisions[0].id, first);
  EXPECT_EQ(decisions[0].dropped, AdmissionReason::kNone);
  EXPECT_EQ(decisions[0].waited, 1ms);
}

TEST(Admission, WhoDoesNotWaitIsAdmittedAtOnceOrRefused) {
  Admission admission;
  Ticket hurried = ticket(Tier::kVip);
  hurried.waits = false;
  EXPECT_EQ(admission.enqueue(hurried, 1, kStart).state, AdmissionState::kAdmitted);
  const auto refused = admission.enqueue(hurried, 0, kStart);
  EXPECT_EQ(refused.state, AdmissionState::kRefused);
  EXPECT_EQ(refused.reason, AdmissionReason::kFull);
  queue_one(admission, Tier::kFree);
  EXPECT_EQ(admission.enqueue(hurried, 1, kStart).state, AdmissionState::kRefused);
  EXPECT_EQ(admission.waiting(), 1u);
}

TEST(Admission, HigherTiersGoFirst) {
  Admission admission;
  const auto ingest = queue_one(admission, Tier::kIngest);
  const auto free = queue_one(admission, Tier::kFree);
  const auto paid = queue_one(admission, Tier::kPaid);
  const auto vip = queue_one(admission, Tier::kVip);
  const auto decisions = admission.poll(4, kStart);
  ASSERT_EQ(decisions.size(), 4u);
  EXPECT_EQ(decisions[0].id, vip);
  EXPECT_EQ(decisions[1].id, paid);
  EXPECT_EQ(decisions[2].id, free);
  EXPECT_EQ(decisions[3].id, ingest);
}

TEST(Admission, LowerTiersHaveTheirShareBesideABusyVip) {
  Admission admission;
  std::array<int, kTiers> admitted{};
  auto now = kStart;
  for (int i = 0; i < 1'000; ++i, now += 1ms) {
    // Everybody keeps two tickets in the queue, none of them old.
    for (const Tier tier : kAllTiers) {
      while (admission.waiting(tier) < 2) queue_one(admission, tier, now);
    }
    for (const auto& decision : admission.poll(1, now)) ++admitted[index_of(decision.tier)];
    if (i % 100 == 99) admission = Admission(); // before anybody gets old
  }
  EXPECT_NEAR(admitted[index_of(Tier::kPaid)], 200, 20);
  EXPECT_NEAR(admitted[index_of(Tier::kFree)], 50, 10);
  EXPECT_NEAR(admitted[index_of(Tier::kIngest)], 20, 10);
}

TEST(Admission, ThereIsNoShareWhileAHigherTierIsInDistress) {
  Admission admission;
  for (int i = 0; i < 100; ++i) queue_one(admission, Tier::kVip);
  for (int i = 0; i < 100; ++i) queue_one(admission, Tier::kPaid);
  int paid = 0;
  for (int i = 0; i < 50; ++i) {
    for (const auto& decision : admission.poll(1, kStart + 251ms))
      paid += decision.tier == Tier::kPaid;
  }
  EXPECT_EQ(paid, 0);
}

TEST(Admission, TenantsOfATierTakeTurns) {
  Admission admission;
  for (int i = 0; i < 3; ++i) queue_one(admission, Tier::kPaid, kStart, "busy");
  const auto other = queue_one(admission, Tier::kPaid, kStart, "quiet");
  const auto decisions = admission.poll(2, kStart);
  ASSERT_EQ(decisions.size(), 2u);
  EXPECT_EQ(decisions[1].id, other);
}

TEST(Admission, WorkThatCannotBeDoneInTimeIsRefusedAtOnce) {
  Admission admission;
  Ticket late = ticket(Tier::kPaid, "t", Deadline(kStart + 1s));
  late.needs = 1s;
  auto entry = admission.enqueue(late, 5, kStart);
  EXPECT_EQ(entry.state, AdmissionState::kRefused);
  EXPECT_EQ(entry.reason, AdmissionReason::kDeadline);
  EXPECT_GE(entry.retry_after, 1s);
  late.needs = 1s - kTick;
  EXPECT_EQ(admission.enqueue(late, 5, kStart).state, AdmissionState::kAdmitted);
}

TEST(Admission, TheEstimatedWaitCountsAgainstTheDeadline) {
  Admission admission;
  const auto now = serve_steadily(admission, 10ms);
  for (int i = 0; i < 9; ++i) queue_one(admission, Tier::kVip, now);
  ASSERT_EQ(admission.waiting(), 10u);
  // Eleven costs of 10 ms each; paid waits behind vip.
  const Duration wait = admission.estimated_wait("other", Tier::kPaid, 1, now);
  EXPECT_NEAR(to_milliseconds(wait), 110, 0.01);
  auto entry = admission.enqueue(ticket(Tier::kPaid, "other", Deadline(now + 105ms)), 0, now);
  EXPECT_EQ(entry.reason, AdmissionReason::kDeadline);
  entry = admission.enqueue(ticket(Tier::kPaid, "other", Deadline(now + 115ms)), 0, now);
  EXPECT_EQ(entry.state, AdmissionState::kQueued);
}

TEST(Admission, HowSlowAnEarlierQueueWasKeepsNobodyOutWhoFindsNone) {
  Admission admission;
  auto now = serve_steadily(admission, 200ms);
  while (admission.waiting() > 0) (void)admission.poll(1, now);
  const auto hasty = ticket(Tier::kPaid, "t", Deadline(now + 100ms));
  const auto entry = admission.enqueue(hasty, 0, now);
  EXPECT_EQ(entry.state, AdmissionState::kQueued);
  EXPECT_EQ(admission.enqueue(hasty, 0, now).reason, AdmissionReason::kDeadline);
  const auto late = admission.poll(0, now + 100ms);
  ASSERT_EQ(late.size(), 1u);
  EXPECT_EQ(late[0].dropped, AdmissionReason::kDeadline);
}

TEST(Admission, ATenantWithFewTicketsDoesNotWaitForAllOfABusyOne) {
  Admission admission;
  const auto now = serve_steadily(admission, 10ms);
  for (int i = 0; i < 99; ++i) queue_one(admission, Tier::kVip, now);
  EXPECT_NEAR(to_milliseconds(admission.estimated_wait("t", Tier::kVip, 1, now)), 1'010, 1);
  EXPECT_NEAR(to_milliseconds(admission.estimated_wait("other", Tier::kVip, 1, now)), 20, 1);
}

TEST(Admission, AQueueThatStandsStillIsNotEstimatedByItsPast) {
  Admission admission;
  const auto now = serve_steadily(admission, 10ms);
  const auto before = admission.estimated_wait("t", Tier::kVip, 1, now);
  EXPECT_GT(admission.estimated_wait("t", Tier::kVip, 1, now + 5s), 5 * before);
}

TEST(Admission, ATicketIsDroppedWhenItsDeadlineCannotBeMetAnyMore) {
  Admission admission({.interval = 1s});
  const auto id = queue_one(admission, Tier::kPaid, kStart, "t", Deadline(kStart + 2s));
  EXPECT_EQ(admission.next_event(), kStart + 1250ms); // when it could be overload
  EXPECT_TRUE(admission.poll(0, kStart + 1s).empty());
  const auto decisions = admission.poll(1, kStart + 2s); // though there is a place
  ASSERT_EQ(decisions.size(), 1u);
  EXPECT_EQ(decisions[0].id, id);
  EXPECT_EQ(decisions[0].dropped, AdmissionReason::kDeadline);
}

TEST(Admission, NobodyWaitsLongerThanTheMaximum) {
  Admission admission({.target = 1min});
  queue_one(admission, Tier::kPaid);
  EXPECT_EQ(admission.next_event(), kStart + 10s);
  EXPECT_TRUE(admission.poll(0, kStart + 10s - kTick).empty());
  EXPECT_EQ(admission.poll(0, kStart + 10s).at(0).dropped, AdmissionReason::kMaxWait);
}

TEST(Admission, AStandingQueueIsCutBackToTheTargetAndABurstIsNot) {
  Admission admission({.interval = 1s});
  for (int i = 0; i < 3; ++i) queue_one(admission, Tier::kFree, kStart + i * 500ms);
  EXPECT_TRUE(admission.poll(0, kStart + 1249ms).empty()); // too old, but not for long
  EXPECT_FALSE(admission.overloaded(Tier::kFree));
  const auto decisions = admission.poll(0, kStart + 1250ms);
  EXPECT_TRUE(admission.overloaded(Tier::kFree));
  ASSERT_EQ(decisions.size(), 2u); // the third is 250 ms old
  EXPECT_EQ(decisions[0].dropped, AdmissionReason::kOverload);
  EXPECT_EQ(decisions[0].waited, 1250ms);
  EXPECT_EQ(admission.next_event(), kStart + 1250ms + kTick);
  EXPECT_EQ(admission.poll(0, kStart + 1250ms + kTick).size(), 1u);
  EXPECT_FALSE(admission.overloaded(Tier::kFree)); // empty
}

TEST(Admission, WhereTheWorkTakesLongAWaitAsLongIsNotTooLong) {
  Admission admission({.interval = 1s});
  Ticket slow = ticket(Tier::kFree);
  slow.needs = 3s;
  const auto entry = admission.enqueue(slow, 0, kStart);
  ASSERT_EQ(entry.state, AdmissionState::kQueued);
  EXPECT_TRUE(admission.poll(0, kStart + 4s - kTick).empty());
  EXPECT_EQ(admission.poll(0, kStart + 4s).at(0).dropped, AdmissionReason::kOverload);
}

TEST(Admission, TheQueueDelayIsTheOldestCustomersBesideTheWork) {
  Admission admission; // target: 250 ms
  EXPECT_EQ(admission.queue_delay(kStart), Duration::zero());
  queue_one(admission, Tier::kIngest);
  EXPECT_EQ(admission.queue_delay(kStart + 1s), Duration::zero());
  queue_one(admission, Tier::kFree, kStart + 1s);
  queue_one(admission, Tier::kVip, kStart + 1100ms);
  EXPECT_EQ(admission.queue_delay(kStart + 1200ms), 200ms);
  Ticket slow = ticket(Tier::kFree);
  slow.needs = 250ms; // no longer than the target
  admission.enqueue(slow, 0, kStart + 1200ms);
  EXPECT_EQ(admission.queue_delay(kStart + 1200ms), 200ms);
  slow.needs = 2500ms;
  admission.enqueue(slow, 0, kStart + 1200ms);
  EXPECT_EQ(admission.queue_delay(kStart + 1200ms), 20ms);
}

TEST(Admission, UnderOverloadTheNewestIsServedFirst) {
  Admission admission({.interval = 1s});
  queue_one(admission, Tier::kFree);
  admission.poll(0, kStart + 1s);
  const auto old = queue_one(admission, Tier::kFree, kStart + 1100ms);
  const auto young = queue_one(admission, Tier::kFree, kStart + 1240ms);
  admission.poll(0, kStart + 1250ms);
  ASSERT_TRUE(admission.overloaded(Tier::kFree));
  EXPECT_EQ(admission.poll(1, kStart + 1350ms).at(0).id, young);
  ASSERT_TRUE(admission.overloaded(Tier::kFree));
  EXPECT_EQ(admission.poll(1, kStart + 1350ms).at(0).id, old);
}

TEST(Admission, OverloadIsOverWhenTheOldestIsYoungerThanHalfTheTarget) {
  Admission admission({.interval = 1s});
  queue_one(admission, Tier::kFree);
  queue_one(admission, Tier::kFree, kStart + 1250ms);
  admission.poll(0, kStart + 1250ms); // drops the first
  EXPECT_FALSE(admission.overloaded(Tier::kFree));
}

TEST(Admission, ARelapseIsOverloadAtOnceAndMuchLaterItIsNot) {
  Admission admission({.interval = 1s});
  queue_one(admission, Tier::kFree);
  EXPECT_EQ(admission.poll(0, kStart + 1250ms).size(), 1u);
  queue_one(admission, Tier::kFree, kStart + 2s);
  EXPECT_EQ(admission.next_event(), kStart + 2250ms + kTick);
  EXPECT_TRUE(admission.poll(0, kStart + 2250ms).empty());
  EXPECT_EQ(admission.poll(0, kStart + 2250ms + kTick).size(), 1u);
  queue_one(admission, Tier::kFree, kStart + 19s);
  EXPECT_EQ(admission.next_event(), kStart + 19s + 1250ms);
}

TEST(Admission, AFullQueueMakesRoomForAHigherTierByTheNewestOfTheLowest) {
  Admission admission({.max_waiting = 3});
  queue_one(admission, Tier::kFree, kStart, "a");
  const auto newest = queue_one(admission, Tier::kFree, kStart + 1ms, "b");
  queue_one(admission, Tier::kPaid, kStart + 2ms, "c");
  EXPECT_EQ(admission.enqueue(ticket(Tier::kFree), 0, kStart).reason, AdmissionReason::kFull);
  EXPECT_EQ(admission.enqueue(ticket(Tier::kIngest), 0, kStart).reason, AdmissionReason::kFull);
  const auto entry = admission.enqueue(ticket(Tier::kVip), 0, kStart + 3ms);
  EXPECT_EQ(entry.state, AdmissionState::kQueued);
  ASSERT_TRUE(entry.evicted);
  EXPECT_EQ(entry.evicted->id, newest);
  EXPECT_EQ(entry.evicted->dropped, AdmissionReason::kEvicted);
  EXPECT_EQ(admission.waiting(), 3u);
}

TEST(Admission, ATenantThatFilledTheQueueMakesRoomForOthersOfItsTier) {
  Admission admission({.max_waiting = 3});
  queue_one(admission, Tier::kPaid, kStart, "busy");
  queue_one(admission, Tier::kPaid, kStart, "busy");
  const auto newest = queue_one(admission, Tier::kPaid, kStart, "busy");
  EXPECT_EQ(admission.enqueue(ticket(Tier::kPaid, "busy"), 0, kStart).reason,
            AdmissionReason::kFull);
  const auto entry = admission.enqueue(ticket(Tier::kPaid, "quiet"), 0, kStart);
  ASSERT_TRUE(entry.evicted);
  EXPECT_EQ(entry.evicted->id, newest);
  // Now two and one: a second of quiet's would only swap who has more.
  EXPECT_EQ(admission.enqueue(ticket(Tier::kPaid, "quiet"), 0, kStart).reason,
            AdmissionReason::kFull);
}

TEST(Admission, ACancelledTicketIsGone) {
  Admission admission;
  const auto id = queue_one(admission, Tier::kFree);
  EXPECT_TRUE(admission.cancel(id));
  EXPECT_FALSE(admission.cancel(id));
  EXPECT_TRUE(admission.poll(1, kStart).empty());
}

TEST(Admission, RetryAfterIsWithinItsBounds) {
  Admission admission({.max_waiting = 50});
  const auto now = serve_steadily(admission, 100ms);
  for (int i = 0; i < 49; ++i) queue_one(admission, Tier::kVip, now);
  const auto refused = admission.enqueue(ticket(Tier::kVip), 0, now);
  EXPECT_NEAR(to_milliseconds(refused.retry_after), 5'000, 100);
  EXPECT_EQ(admission.enqueue(ticket(Tier::kVip), 0, now + 1h).retry_after, 30s);
}

TEST(Admission, OldestWaitIsForTheDegradationLadder) {
  Admission admission;
  EXPECT_EQ(admission.oldest_wait(Tier::kFree, kStart), Duration::zero());
  queue_one(admission, Tier::kFree);
  EXPECT_EQ(admission.oldest_wait(Tier::kFree, kStart + 80ms), 80ms);
  EXPECT_EQ(admission.oldest_wait(Tier::kVip, kStart + 80ms), Duration::zero());
}

} // namespace
} // namespace raglan::policy
