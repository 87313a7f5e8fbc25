#include "policy/job_schedule.h"

#include <gtest/gtest.h>

namespace raglan::policy {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLease{16'000};

QueuedJob free_job(std::string tenant, std::string id) {
  return {std::move(tenant), std::move(id)};
}
QueuedJob leased(std::string tenant, std::string id, std::uint64_t version) {
  return {std::move(tenant), std::move(id), true, version};
}

class JobScheduleTest : public testing::Test {
 protected:
  // The id of the next one; "" when there is none.
  std::string next_of(std::vector<QueuedJob> jobs, Duration at = {}) {
    schedule_.see(std::move(jobs), MonotonicTime() + at);
    const auto next = schedule_.next();
    return next ? next->id : "";
  }
  // Every quarter of a lease, and at the end.
  void look_until(Duration end, const std::vector<QueuedJob>& jobs, Duration from = {}) {
    for (Duration at = from; at < end; at += kLease / 4) next_of(jobs, at);
    next_of(jobs, end);
  }

  JobSchedule schedule_{kLease};
};

TEST_F(JobScheduleTest, TheOldestFreeOneIsNext) {
  EXPECT_EQ(next_of({}), "");
  EXPECT_EQ(next_of({free_job("a", "2"), free_job("a", "1"), free_job("a", "3")}), "1");
  EXPECT_EQ(schedule_.queued(), 3u);
  EXPECT_EQ(next_of({leased("a", "1", 7), free_job("a", "2")}), "2");
}

TEST_F(JobScheduleTest, ALeaseThatStandsForItsWholeTimeIsNobodys) {
  look_until(kLease - milliseconds(1), {leased("a", "1", 7)});
  EXPECT_EQ(next_of({leased("a", "1", 7)}, kLease - milliseconds(1)), "");
  EXPECT_EQ(next_of({leased("a", "1", 7)}, kLease), "1");
}

TEST_F(JobScheduleTest, ALeaseThatIsRenewedIsItsHolders) {
  look_until(kLease / 2, {leased("a", "1", 7)});
  look_until(3 * kLease / 2 - milliseconds(1), {leased("a", "1", 8)}, kLease / 2);
  EXPECT_EQ(next_of({leased("a", "1", 8)}, 3 * kLease / 2 - milliseconds(1)), "");
  EXPECT_EQ(next_of({leased("a", "1", 8)}, 3 * kLease / 2), "1");
}

TEST_F(JobScheduleTest, TimeInWhichNobodyLookedDoesNotCount) {
  look_until(kLease / 2, {leased("a", "1", 7)});
  EXPECT_EQ(next_of({leased("a", "1", 7)}, kLease + milliseconds(1)), ""); // half a lease and more
  look_until(2 * kLease, {leased("a", "1", 7)}, kLease + milliseconds(1));
  EXPECT_EQ(next_of({leased("a", "1", 7)}, 2 * kLease), "");
  EXPECT_EQ(next_of({leased("a", "1", 7)}, 2 * kLease + milliseconds(1)), "1");
}

TEST_F(JobScheduleTest, OneThatWasAwayIsSeenAnew) {
  EXPECT_EQ(next_of({leased("a", "1", 7)}), "");
  EXPECT_EQ(next_of({}, kLease / 4), "");
  look_until(kLease, {leased("a", "1", 7)}, kLease / 2);
  EXPECT_EQ(next_of({leased("a", "1", 7)}, kLease), "");
}

TEST_F(JobScheduleTest, WhoHasFewerUnderWayComesFirst) {
  EXPECT_EQ(next_of({leased("a", "1", 7), free_job("a", "2"), free_job("b", "9")}), "9");
  EXPECT_EQ(next_of({leased("a", "1", 7), free_job("a", "2"), leased("b", "9", 7)}), "2");
  EXPECT_EQ(next_of({leased("a", "1", 7), free_job("a", "2"), leased("b", "8", 7),
                     leased("b", "9", 7), free_job("b", "0")}),
            "2");
}

TEST_F(JobScheduleTest, OneThatRestsIsNobodysUntilThen) {
  schedule_.rest(free_job("a", "1"), MonotonicTime() + milliseconds(10));
  const std::vector both{free_job("a", "1"), free_job("b", "1")};
  schedule_.see(both, MonotonicTime() + milliseconds(9));
  EXPECT_EQ(schedule_.next()->tenant, "b");
  EXPECT_EQ(schedule_.queued(), 2u);
  EXPECT_EQ(next_of({free_job("a", "1")}, milliseconds(9)), "");
  EXPECT_EQ(next_of({free_job("a", "1")}, milliseconds(10)), "1");
}

TEST_F(JobScheduleTest, TwoTenantsMayHaveTheSameId) {
  schedule_.see({leased("a", "1", 7), free_job("b", "1")}, MonotonicTime());
  const auto next = schedule_.next();
  ASSERT_TRUE(next);
  EXPECT_EQ(next->tenant, "b");
}

} // namespace
} // namespace raglan::policy
