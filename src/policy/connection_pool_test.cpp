#include "policy/connection_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/rng.h"

namespace raglan::policy {
namespace {

using namespace std::chrono_literals;
using Kind = ConnectionPool::Kind;
using Slot = ConnectionPool::Slot;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr MonotonicTime kStart{1h};

class ConnectionPoolTest : public testing::Test {
 protected:
  // Two are kept, and one more while it is needed.
  ConnectionPoolConfig config_{.pool_size = 2,
                               .max_overflow = 1,
                               .pool_timeout = 10s,
                               .pool_recycle = 100s,
                               .max_waiting = 2};
  ConnectionPool pool_{config_};
  MonotonicTime now_ = kStart;

  Slot open() {
    const auto taken = pool_.check_out(now_);
    EXPECT_EQ(taken.kind, Kind::kOpen);
    pool_.opened(taken.slot, now_);
    return taken.slot;
  }
  ConnectionPool::Return give_back(Slot slot, bool usable = true) {
    return pool_.check_in(slot, usable, now_);
  }
};

TEST_F(ConnectionPoolTest, OpensAsManyAsItMayAndThenLetsWait) {
  for (int i = 0; i < 3; ++i) open();
  EXPECT_EQ(pool_.status().overflow, 1u);
  EXPECT_EQ(pool_.check_out(now_).kind, Kind::kWait);
  EXPECT_EQ(pool_.check_out(now_).kind, Kind::kWait);
  EXPECT_EQ(pool_.check_out(now_).kind, Kind::kRefused);
  EXPECT_EQ(pool_.status().refused, 1u);
}

TEST_F(ConnectionPoolTest, WhereTheServerHasNoneLeftOneWaitsInFrontOfAllForThoseThatAreOpen) {
  const Slot a = open();
  const auto full = pool_.check_out(now_);
  ASSERT_EQ(full.kind, Kind::kOpen);
  open();
  const auto behind = pool_.check_out(now_);
  ASSERT_EQ(behind.kind, Kind::kWait);
  const auto instead = pool_.wait_instead(full.slot, now_);
  ASSERT_EQ(instead.kind, Kind::kWait);
  EXPECT_EQ(pool_.status().open, 2u);
  EXPECT_EQ(pool_.status().opened, 2u);
  EXPECT_EQ(pool_.status().server_full, 1u);
  const auto returned = give_back(a);
  ASSERT_TRUE(returned.next);
  EXPECT_EQ(returned.next->kind, Kind::kReuse);
  EXPECT_EQ(returned.next->waiter, instead.waiter);
  EXPECT_FALSE(give_back(full.slot, false).next); // it is gone: nobody is sent to try once more
}

TEST_F(ConnectionPoolTest, WhereTheServerHasNoneLeftAnIdleOneIsTaken) {
  const Slot a = open();
  const auto full = pool_.check_out(now_);
  give_back(a);
  const auto instead = pool_.wait_instead(full.slot, now_);
  EXPECT_EQ(instead.kind, Kind::kReuse);
  EXPECT_EQ(instead.slot, a);
}

TEST_F(ConnectionPoolTest, NobodyWaitsForConnectionsThatAreNotOpen) {
  const auto first = pool_.check_out(now_);
  const auto second = pool_.check_out(now_); // being opened is not open
  EXPECT_EQ(pool_.wait_instead(second.slot, now_).kind, Kind::kRefused);
  EXPECT_EQ(pool_.status().open, 2u);
  give_back(second.slot, false);
  EXPECT_EQ(pool_.wait_instead(first.slot, now_).kind, Kind::kRefused);
}

TEST_F(ConnectionPoolTest, KeepsPoolSizeAndClosesTheOverflow) {
  const Slot a = open();
  const Slot b = open();
  const Slot c = open();
  EXPECT_FALSE(give_back(c).close); // the first two that come back are kept, whichever they are
  EXPECT_FALSE(give_back(b).close);
  EXPECT_TRUE(give_back(a).close);
  EXPECT_EQ(pool_.status().open, 2u);
  EXPECT_EQ(pool_.status().idle, 2u);
}

TEST_F(ConnectionPoolTest, IdleConnectionsAreUsedInTurn) {
  const Slot a = open();
  const Slot b = open();
  give_back(b);
  give_back(a);
  const auto first = pool_.check_out(now_);
  EXPECT_EQ(first.kind, Kind::kReuse);
  EXPECT_EQ(first.slot, b);
  EXPECT_EQ(pool_.check_out(now_).slot, a);
}

TEST_F(ConnectionPoolTest, WhatComesBackGoesToWhoHasWaitedLongest) {
  const Slot a = open();
  open();
  open();
  const auto first = pool_.check_out(now_).waiter;
  const auto second = pool_.check_out(now_).waiter;
  const auto returned = give_back(a);
  ASSERT_TRUE(returned.next);
  EXPECT_EQ(returned.next->waiter, first);
  EXPECT_EQ(returned.next->kind, Kind::kReuse);
  EXPECT_EQ(returned.next->slot, a);
  EXPECT_EQ(give_back(a).next->waiter, second);
}

TEST_F(ConnectionPoolTest, ABrokenConnectionsSlotGoesToAWaiterWhoOpensAnother) {
  const Slot a = open();
  open();
  open();
  const auto waiter = pool_.check_out(now_).waiter;
  const auto returned = give_back(a, false);
  ASSERT_TRUE(returned.next);
  EXPECT_EQ(returned.next->kind, Kind::kOpen);
  EXPECT_EQ(returned.next->slot, a);
  EXPECT_EQ(returned.next->waiter, waiter);
  EXPECT_TRUE(give_back(a, false).close);
  EXPECT_EQ(pool_.status().open, 2u);
}

TEST_F(ConnectionPoolTest, AnOldConnectionIsOpenedAnew) {
  const Slot a = open();
  give_back(a);
  now_ += 100s - 1ns;
  EXPECT_EQ(pool_.check_out(now_).kind, Kind::kReuse);
  give_back(a);
  now_ += 1ns;
  const auto taken = pool_.check_out(now_);
  EXPECT_EQ(taken.kind, Kind::kOpen);
  EXPECT_EQ(taken.slot, a);
  EXPECT_EQ(pool_.status().recycled, 1u);
  EXPECT_EQ(pool_.status().open, 1u);
}

TEST_F(ConnectionPoolTest, OneThatIsDeadMakesTheOlderOnesSuspect) {
  const Slot a = open();
  const Slot b = open();
  give_back(a);
  now_ += 1s;
  pool_.invalidate(now_);
  EXPECT_EQ(pool_.check_out(now_).kind, Kind::kOpen);
  now_ += 1s;
  pool_.opened(a, now_);
  give_back(a);
  EXPECT_EQ(pool_.check_out(now_).kind, Kind::kReuse);
  give_back(b);
  EXPECT_EQ(pool_.check_out(now_).kind, Kind::kOpen);
}

TEST_F(ConnectionPoolTest, NobodyWaitsForLongerThanTheTimeout) {
  for (int i = 0; i < 3; ++i) open();
  const auto first = pool_.check_out(now_).waiter;
  now_ += 4s;
  const auto second = pool_.check_out(now_).waiter;
  EXPECT_EQ(pool_.next_expiry(), kStart + 10s);
  now_ = kStart + 10s - 1ns;
  EXPECT_THAT(pool_.expire(now_), IsEmpty());
  now_ = kStart + 10s;
  EXPECT_THAT(pool_.expire(now_), ElementsAre(first));
  EXPECT_EQ(pool_.next_expiry(), kStart + 14s);
  EXPECT_TRUE(pool_.cancel(second));
  EXPECT_FALSE(pool_.cancel(second));
  EXPECT_EQ(pool_.next_expiry(), std::nullopt);
  EXPECT_EQ(pool_.status().timeouts, 1u);
}

// Ten thousand random schedules of taking, giving back (usable or not), cancelling, invalidating
// and time:
//   Bounded    no more slots than pool_size + max_overflow, no more idle than pool_size
//   Exclusive  a slot that is held is given to nobody else
//   Fair       waiters are served in the order in which they came
//   Useful     nobody waits while a connection is idle, or one more might be opened
//   Young      no connection is reused that is as old as pool_recycle, or was invalidated
//   InTime     after expire nobody has waited for pool_timeout
TEST(ConnectionPoolSimulation, HoldsInEveryOrderOfEvents) {
  for (std::uint64_t seed = 0; seed < 10'000; ++seed) {
    Rng rng(seed);
    const ConnectionPoolConfig config{.pool_size = 1 + rng.below(3),
                                      .max_overflow = rng.below(3),
                                      .pool_timeout = std::chrono::seconds(1 + rng.below(20)),
                                      .pool_recycle = std::chrono::seconds(1 + rng.below(60)),
                                      .max_waiting = rng.below(6)};
    ConnectionPool pool(config);
    std::set<Slot> held;
    std::map<Slot, MonotonicTime> born;
    std::deque<std::pair<ConnectionPool::Waiter, MonotonicTime>> waiting;
    MonotonicTime invalid{};
    MonotonicTime now = kStart;
    const auto take = [&](const ConnectionPool::Grant& grant) {
      ASSERT_TRUE(held.insert(grant.slot).second) << "Exclusive, seed " << seed;
      if (grant.kind == Kind::kOpen) {
        pool.opened(grant.slot, now);
        born[grant.slot] = now;
        return;
      }
      ASSERT_EQ(grant.kind, Kind::kReuse);
      ASSERT_LT(now - born.at(grant.slot), config.pool_recycle) << "Young, seed " << seed;
      ASSERT_GT(born.at(grant.slot), invalid) << "Young, seed " << seed;
    };
    for (int i = 0; i < 80; ++i) {
      now += std::chrono::milliseconds(rng.below(3'000));
      const auto choice = rng.below(10);
      if (choice < 4) {
        const auto grant = pool.check_out(now);
        if (grant.kind == Kind::kWait) {
          waiting.emplace_back(grant.waiter, now);
        } else if (grant.kind == Kind::kRefused) {
          ASSERT_EQ(waiting.size(), config.max_waiting) << "Bounded, seed " << seed;
        } else {
          ASSERT_NO_FATAL_FAILURE(take(grant));
        }
      } else if (choice < 8 && !held.empty()) {
        const Slot slot = *std::next(held.begin(), static_cast<long>(rng.below(held.size())));
        held.erase(slot);
        const auto returned = pool.check_in(slot, rng.below(4) > 0, now);
        ASSERT_EQ(returned.next.has_value(), !waiting.empty()) << "Useful, seed " << seed;
        if (returned.next) {
          ASSERT_EQ(returned.next->waiter, waiting.front().first) << "Fair, seed " << seed;
          waiting.pop_front();
          ASSERT_NO_FATAL_FAILURE(take(*returned.next));
        }
      } else if (choice == 8 && !waiting.empty()) {
        const auto at = static_cast<long>(rng.below(waiting.size()));
        ASSERT_TRUE(pool.cancel((waiting.begin() + at)->first));
        waiting.erase(waiting.begin() + at);
      } else if (choice == 9 && rng.below(4) == 0) {
        pool.invalidate(now);
        invalid = now;
      }
      for (const auto expired : pool.expire(now)) {
        ASSERT_EQ(expired, waiting.front().first) << "Fair, seed " << seed;
        waiting.pop_front();
      }
      for (const auto& [waiter, since] : waiting) {
        ASSERT_LT(now - since, config.pool_timeout) << "InTime, seed " << seed;
      }
      const auto status = pool.status();
      const std::size_t most = config.pool_size + config.max_overflow;
      ASSERT_LE(status.open, most) << "Bounded, seed " << seed;
      ASSERT_LE(status.idle, config.pool_size) << "Bounded, seed " << seed;
      ASSERT_EQ(status.open, held.size() + status.idle) << "Exclusive, seed " << seed;
      ASSERT_EQ(status.waiting, waiting.size());
      if (status.waiting > 0) {
        ASSERT_EQ(status.idle, 0u) << "Useful, seed " << seed;
        ASSERT_EQ(status.open, most) << "Useful, seed " << seed;
      }
    }
  }
}

} // namespace
} // namespace raglan::policy
