// The pool on a real server: who waits, what is closed, what a restart does.
#include "postgres/pool.h"

#include "base/rng.h"

#include "postgres_fixture.h"

namespace raglan::postgres {
namespace {

class PoolTest : public PostgresTest {
 protected:
  ~PoolTest() override {
    if (pool_) pool_->stop();
    loops_.stop();
    pool_.reset();
  }

  Pool& pool() {
    if (!pool_) pool_ = std::make_unique<Pool>(config_, target(server->url()));
    return *pool_;
  }
  // Takes a connection, asks, and gives it back.
  net::Task<Result<std::int32_t>> ask(std::string sql, Deadline deadline) {
    auto connection = co_await pool().acquire(deadline);
    if (!connection) co_return forward_error(connection);
    auto rows = co_await (*connection)->execute(Statement(sql), deadline);
    if (!rows) co_return forward_error(rows);
    co_return rows->int32(0, 0);
  }
  net::Running<std::int32_t> begin(const std::string& sql = "SELECT pg_backend_pid()",
                                   Deadline deadline = within(), std::size_t loop = 0) {
    (void)pool(); // made by this thread alone
    return start(ask(sql, deadline), loop);
  }
  std::int32_t backend() { return begin().get().value_or(0); }
  void await(const std::function<bool()>& reached) {
    for (int i = 0; i < 2'000 && !reached(); ++i) std::this_thread::sleep_for(5ms);
    ASSERT_TRUE(reached());
  }

  policy::ConnectionPoolConfig config_{.pool_size = 1, .max_overflow = 1};
  std::unique_ptr<Pool> pool_;
};

TEST_F(PoolTest, AConnectionIsUsedAgain) {
  const auto first = backend();
  EXPECT_GT(first, 0);
  EXPECT_EQ(backend(), first);
  EXPECT_EQ(begin("SELECT pg_backend_pid()", within(), 1).get(), first); // on another loop
  EXPECT_EQ(pool().status().opened, 1u);
  EXPECT_EQ(pool().status().acquired, 3u);
}

TEST_F(PoolTest, TheOverflowIsClosedWhenItComesBack) {
  auto slow = begin("SELECT 1 FROM pg_sleep(0.2)");
  auto second = begin("SELECT 1 FROM pg_sleep(0.2)");
  await([&] { return pool().status().open == 2; });
  EXPECT_EQ(pool().status().overflow, 1u);
  EXPECT_TRUE(slow.get());
  EXPECT_TRUE(second.get());
  await([&] { return pool().status().open == 1; });
  EXPECT_EQ(pool().status().idle, 1u);
}

TEST_F(PoolTest, WhoFindsNoneWaitsInTurn) {
  config_.max_overflow = 0;
  auto first = begin("SELECT 1 FROM pg_sleep(0.1)");
  await([&] { return pool().status().open == 1; });
  std::vector<net::Running<std::int32_t>> others;
  for (std::size_t i = 0; i < 20; ++i) others.push_back(begin("SELECT 1", within(), i % 2));
  for (auto& other : others) EXPECT_TRUE(other.get());
  EXPECT_TRUE(first.get());
  EXPECT_EQ(pool().status().opened, 1u);
}

TEST_F(PoolTest, AServerWithFewerConnectionsThanThePoolMayOpenServesAll) {
  const RealServer small({"max_connections = 3", "superuser_reserved_connections = 0"});
  config_ = {.pool_size = 8, .max_overflow = 0};
  pool_ = std::make_unique<Pool>(config_, target(small.url()));
  std::vector<net::Running<std::int32_t>> callers;
  callers.push_back(begin("SELECT 1"));
  ASSERT_TRUE(callers.front().get());
  for (std::size_t i = 0; i < 20; ++i) {
    callers.push_back(begin("SELECT 1 FROM pg_sleep(0.05)", within(), i % 2));
  }
  for (std::size_t i = 1; i < callers.size(); ++i) {
    const auto got = callers[i].get();
    EXPECT_TRUE(got) << explain(got.error());
  }
  EXPECT_GT(pool().status().server_full, 0u);
  EXPECT_LE(pool().status().open, 3u);
}

TEST_F(PoolTest, AServerWithoutAnyConnectionLeftIsBusyAndNotGone) {
  const RealServer small({"max_connections = 1", "superuser_reserved_connections = 0"});
  Pool other({.pool_size = 1, .max_overflow = 0}, target(small.url()));
  auto holds = start(other.acquire(within()), 0).get();
  ASSERT_TRUE(holds);
  pool_ = std::make_unique<Pool>(config_, target(small.url()));
  const auto refused = begin().get();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kOverloaded);
  EXPECT_EQ(refused.error().message, "PostgreSQL has no connection left");
  EXPECT_EQ(pool().status().opened, 0u);
  other.stop();
}

TEST_F(PoolTest, NobodyWaitsForLongerThanThePoolsTimeout) {
  config_.max_overflow = 0;
  config_.pool_timeout = 50ms;
  auto slow = begin("SELECT 1 FROM pg_sleep(0.5)");
  await([&] { return pool().status().open == 1; });
  EXPECT_EQ(begin().error(), ErrorCode::kOverloaded);
  EXPECT_EQ(begin("SELECT 1", within(20ms)).error(), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(pool().status().waiting, 0u);
  EXPECT_TRUE(slow.get());
  EXPECT_TRUE(begin().get());
}

TEST_F(PoolTest, WhatIsCancelledInTheMiddleIsClosedAndWhoWaitsGetsAnother) {
  config_.max_overflow = 0;
  const auto before = backend();
  auto running = begin("SELECT pg_sleep(60)");
  await([&] { return pool().status().idle == 0; });
  auto waiting = begin();
  await([&] { return pool().status().waiting == 1; });
  running.cancel();
  EXPECT_EQ(running.error(), ErrorCode::kClientClosed);
  const auto after = waiting.get();
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_NE(*after, before);
  EXPECT_EQ(pool().status().closed_dirty, 1u);
}

TEST_F(PoolTest, AnOpenTransactionIsNobodyElses) {
  config_.max_overflow = 0;
  EXPECT_TRUE(begin("BEGIN").get());
  const auto in_transaction =
      begin("SELECT (pg_current_xact_id_if_assigned() IS NULL)::int4").get();
  EXPECT_TRUE(in_transaction);
  EXPECT_EQ(pool().status().closed_dirty, 1u);
}

TEST_F(PoolTest, WhoLeavesWhileItWaitsTakesNothingAway) {
  config_.max_overflow = 0;
  auto slow = begin("SELECT 1 FROM pg_sleep(0.2)");
  await([&] { return pool().status().open == 1; });
  auto leaving = begin();
  await([&] { return pool().status().waiting == 1; });
  leaving.cancel();
  EXPECT_EQ(leaving.error(), ErrorCode::kClientClosed);
  EXPECT_TRUE(slow.get());
  EXPECT_TRUE(begin().get());
  EXPECT_EQ(pool().status().waiting, 0u);
}

// Whoever is given a connection at the very moment in which it leaves must not keep it.
TEST_F(PoolTest, NoConnectionIsLostHoweverManyLeaveAtAnyMoment) {
  config_.pool_size = 2;
  config_.max_overflow = 1;
  Rng rng(7);
  for (int round = 0; round < 300; ++round) {
    std::vector<net::Running<std::int32_t>> running;
    for (std::size_t i = 0; i < 8; ++i) {
      const auto patience = std::chrono::microseconds(200 + rng.below(8'000));
      running.push_back(begin("SELECT 1", rng.below(2) == 0 ? within(patience) : within(), i % 2));
    }
    for (auto& each : running) {
      if (rng.below(3) == 0) each.cancel();
    }
    for (auto& each : running) (void)each.get();
  }
  EXPECT_TRUE(begin().get());
  await([&] { return pool().status().open == pool().status().idle; });
  EXPECT_LE(pool().status().idle, 2u);
  std::vector<net::Running<std::int32_t>> all;
  for (int i = 0; i < 3; ++i) all.push_back(begin("SELECT 1 FROM pg_sleep(0.05)"));
  for (auto& each : all) EXPECT_TRUE(each.get());
}

TEST_F(PoolTest, ARestartOfTheServerIsNoticedBeforeAStatementIsLost) {
  config_.pool_size = 3;
  std::vector<net::Running<std::int32_t>> running;
  for (int i = 0; i < 3; ++i) running.push_back(begin("SELECT 1 FROM pg_sleep(0.1)"));
  for (auto& each : running) ASSERT_TRUE(each.get());
  await([&] { return pool().status().idle == 3; });
  server->restart();
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(begin().get());
  EXPECT_GE(pool().status().recycled, 2u); // by the first that was dead, unseen
}

TEST_F(PoolTest, ADeadServerIsUnavailableAndItsReturnIsNoticed) {
  EXPECT_TRUE(begin().get());
  server->kill();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(begin().error(), ErrorCode::kUnavailable);
  EXPECT_EQ(pool().status().open, 0u);
  server->start();
  EXPECT_TRUE(begin().get());
}

TEST_F(PoolTest, AnOldConnectionIsOpenedAnew) {
  config_.pool_recycle = 200ms;
  const auto first = backend();
  EXPECT_EQ(backend(), first);
  std::this_thread::sleep_for(250ms);
  EXPECT_NE(backend(), first);
}

TEST_F(PoolTest, StoppedItEndsWhoWaits) {
  config_.max_overflow = 0;
  auto slow = begin("SELECT 1 FROM pg_sleep(0.3)");
  await([&] { return pool().status().open == 1; });
  auto waiting = begin();
  await([&] { return pool().status().waiting == 1; });
  pool().stop();
  EXPECT_EQ(waiting.error(), ErrorCode::kUnavailable);
  EXPECT_EQ(begin().error(), ErrorCode::kUnavailable);
  EXPECT_TRUE(slow.get());
  await([&] { return pool().status().open == 0; });
}

} // namespace
} // namespace raglan::postgres
