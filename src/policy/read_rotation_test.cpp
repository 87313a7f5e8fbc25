#include "policy/read_rotation.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace raglan::policy {
namespace {

using namespace std::chrono_literals;

constexpr MonotonicTime kStart{1h};
constexpr ReadRotationConfig kConfig{.max_replica_lag = 10s};

ReplicaLook healthy(std::optional<Duration> behind = Duration::zero()) {
  return {.answered = true, .replicates = true, .ours = true, .behind = behind};
}

bool any(std::size_t) { return true; }

class ReadRotationTest : public testing::Test {
 protected:
  explicit ReadRotationTest(std::size_t replicas = 2) : rotation_(replicas, kConfig) {}

  ReplicaState seen(const ReplicaLook& look, std::size_t replica = 0) {
    return rotation_.seen(replica, look).after;
  }
  void serve(std::size_t replicas) {
    for (std::size_t i = 0; i < replicas; ++i) seen(healthy(), i);
  }
  std::optional<std::size_t> choose(MonotonicTime now = kStart) {
    return rotation_.choose(any, now, rng_);
  }
  // A read that is over before the next one begins.
  std::size_t read(const std::vector<Duration>& latencies, MonotonicTime now) {
    const std::size_t chosen = *choose(now);
    rotation_.ended(chosen, latencies[chosen], true, now + latencies[chosen]);
    return chosen;
  }

  ReadRotation rotation_;
  Rng rng_{7};
};

TEST_F(ReadRotationTest, NobodyIsAskedBeforeALook) {
  EXPECT_FALSE(choose());
  EXPECT_EQ(rotation_.status(0).state, ReplicaState::kJoining);
  EXPECT_EQ(seen(healthy(std::nullopt)), ReplicaState::kJoining); // how far behind is not known
  EXPECT_FALSE(choose());
  EXPECT_EQ(seen(healthy()), ReplicaState::kServing);
  EXPECT_EQ(choose(), 0u);
}

TEST_F(ReadRotationTest, ALookSaysWhatIsWrong) {
  EXPECT_EQ(seen({}), ReplicaState::kUnreachable);
  EXPECT_EQ(seen({.answered = true, .replicates = true, .ours = false, .behind = {}}),
            ReplicaState::kStranger);
  EXPECT_EQ(seen({.answered = true, .replicates = false, .ours = true, .behind = {}}),
            ReplicaState::kPromoted);
  EXPECT_EQ(seen({.answered = true, .replicates = false, .ours = false, .behind = {}}),
            ReplicaState::kStranger);
  EXPECT_FALSE(choose());
}

TEST_F(ReadRotationTest, TheLimitOfTheLagIsAllowed) {
  EXPECT_EQ(seen(healthy(10s)), ReplicaState::kServing);
  EXPECT_EQ(seen(healthy(10s + 1ns)), ReplicaState::kLagging);
  EXPECT_FALSE(choose());
}

TEST_F(ReadRotationTest, WhoLaggedReturnsAtHalfOfTheLimit) {
  seen(healthy(11s));
  EXPECT_EQ(seen(healthy(9s)), ReplicaState::kLagging);
  EXPECT_EQ(seen(healthy(5s + 1ns)), ReplicaState::kLagging);
  EXPECT_EQ(seen(healthy(5s)), ReplicaState::kServing);
  EXPECT_EQ(seen(healthy(9s)), ReplicaState::kServing);
}

TEST_F(ReadRotationTest, WhoComesBackFromTheDeadIsTakenAtTheLimit) {
  serve(1);
  EXPECT_EQ(seen({}), ReplicaState::kUnreachable);
  EXPECT_EQ(seen(healthy(std::nullopt)), ReplicaState::kJoining);
  EXPECT_EQ(seen(healthy(10s)), ReplicaState::kServing);
}

TEST_F(ReadRotationTest, APrimaryThatSaysNothingChangesNothing) {
  serve(1);
  EXPECT_EQ(seen(healthy(std::nullopt)), ReplicaState::kServing);
  seen(healthy(11s));
  EXPECT_EQ(seen(healthy(std::nullopt)), ReplicaState::kLagging);
  seen({.answered = true, .replicates = false, .ours = true, .behind = {}});
  EXPECT_EQ(seen(healthy(std::nullopt)), ReplicaState::kJoining);
}

TEST_F(ReadRotationTest, AChangeIsToldOnce) {
  EXPECT_TRUE(rotation_.seen(0, healthy()).changed());
  EXPECT_FALSE(rotation_.seen(0, healthy()).changed());
  const auto lost = rotation_.seen(0, {});
  EXPECT_EQ(lost.before, ReplicaState::kServing);
  EXPECT_EQ(lost.after, ReplicaState::kUnreachable);
  EXPECT_FALSE(rotation_.seen(0, {}).changed());
}

TEST_F(ReadRotationTest, WhomTheCallerLeavesOutIsNotAsked) {
  serve(2);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(rotation_.choose([](std::size_t replica) { return replica == 1; }, kStart, rng_), 1u);
  }
  EXPECT_FALSE(rotation_.choose([](std::size_t) { return false; }, kStart, rng_));
}

TEST_F(ReadRotationTest, EqualsShareTheReads) {
  serve(2);
  std::array<int, 2> reads{};
  for (int i = 0; i < 1'000; ++i) ++reads[read({5ms, 5ms}, kStart + i * 10ms)];
  EXPECT_GT(reads[0], 300);
  EXPECT_GT(reads[1], 300);
}

TEST_F(ReadRotationTest, ReadsInFlightAreSpreadEvenly) {
  serve(2);
  for (int i = 0; i < 100; ++i) choose();
  EXPECT_EQ(rotation_.status(0).in_flight, 50u);
  EXPECT_EQ(rotation_.status(1).in_flight, 50u);
}

TEST_F(ReadRotationTest, TheSlowerGetsFewer) {
  serve(2);
  std::array<int, 2> reads{};
  for (int i = 0; i < 1'000; ++i) ++reads[read({2ms, 50ms}, kStart + i * 60ms)];
  EXPECT_GT(reads[0], 700);
  EXPECT_GT(reads[1], 1); // it is tried again now and then
}

TEST_F(ReadRotationTest, InFlightTheyAreSpreadByLatency) {
  serve(2);
  for (const std::size_t replica : {0, 1}) {
    const auto only = [replica](std::size_t asked) { return asked == replica; };
    (void)rotation_.choose(only, kStart, rng_);
    rotation_.ended(replica, replica == 0 ? 10ms : 30ms, true, kStart);
  }
  for (int i = 0; i < 100; ++i) choose();
  EXPECT_NEAR(static_cast<double>(rotation_.status(0).in_flight), 75, 2);
}

TEST_F(ReadRotationTest, OneSlowAnswerIsForgotten) {
  serve(2);
  const auto only = [](std::size_t replica) { return replica == 1; };
  (void)rotation_.choose(only, kStart, rng_);
  rotation_.ended(1, 10s, true, kStart);
  int reads = 0;
  for (int i = 0; i < 100; ++i) reads += read({5ms, 5ms}, kStart + i * 10ms) == 1 ? 1 : 0;
  EXPECT_EQ(reads, 0);
  for (int i = 0; i < 100; ++i) reads += read({5ms, 5ms}, kStart + 1min + i * 10ms) == 1 ? 1 : 0;
  EXPECT_GT(reads, 5);
}

TEST_F(ReadRotationTest, OneThatRefusesAtOnceIsNotAFastOne) {
  serve(1);
  (void)choose();
  rotation_.ended(0, 200ms, true, kStart);
  (void)choose();
  rotation_.ended(0, 1us, false, kStart);
  EXPECT_EQ(rotation_.patience(0), 4s);
}

TEST_F(ReadRotationTest, PatienceGrowsWithTheLatency) {
  serve(1);
  EXPECT_EQ(rotation_.patience(0), 2s);
  (void)choose();
  rotation_.ended(0, 100ms, true, kStart);
  EXPECT_EQ(rotation_.patience(0), 2s);
  (void)choose();
  rotation_.ended(0, 2s, false, kStart + 1h); // cut short: the next may take longer
  EXPECT_EQ(rotation_.patience(0), 40s);
}

class LoneReplica : public ReadRotationTest {
 protected:
  LoneReplica() : ReadRotationTest(1) {}
};

TEST_F(LoneReplica, IsAskedWhateverItTakes) {
  serve(1);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(read({5s}, kStart + i * 10s), 0u);
}

class ManyReplicas : public ReadRotationTest {
 protected:
  ManyReplicas() : ReadRotationTest(5) {}
};

TEST_F(ManyReplicas, AllInRotationAreAskedAndNobodyElse) {
  serve(4);
  std::array<int, 5> reads{};
  for (int i = 0; i < 1'000; ++i) {
    const std::size_t chosen = *choose(kStart + i * 1ms);
    ++reads[chosen];
    if (i >= 10) rotation_.ended(chosen, 5ms, true, kStart + i * 1ms);
  }
  for (std::size_t i = 0; i < 4; ++i) EXPECT_GT(reads[i], 50) << i;
  EXPECT_EQ(reads[4], 0);
}

// Two are compared: the worst of all is never taken while nobody else is as bad.
TEST_F(ManyReplicas, TheWorstIsNeverTaken) {
  serve(5);
  const auto only = [](std::size_t replica) { return replica == 3; };
  (void)rotation_.choose(only, kStart, rng_);
  rotation_.ended(3, 1s, true, kStart);
  for (int i = 0; i < 200; ++i)
    EXPECT_NE(read(std::vector<Duration>(5, 1ms), kStart + i * 1ms), 3u);
}

} // namespace
} // namespace raglan::policy
