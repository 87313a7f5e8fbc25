#include "net/admission_gate.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "net/loop_fixture_test.h"
#include "net/pause.h"

namespace raglan::net {
namespace {

using namespace std::chrono_literals;
using policy::AdmissionReason;
using policy::LimitOutcome;
using policy::Tier;
using Place = AdmissionGate::Place;

// A gate of two places whose time stands still.
class AdmissionGateTest : public LoopTest {
 protected:
  struct Decided {
    Tier tier;
    AdmissionReason reason;
    bool operator==(const Decided&) const = default;
  };

  AdmissionGateTest() {
    config_.limit = {.initial_limit = 2, .min_limit = 2, .max_limit = 2};
    config_.admission.max_waiting = 3;
  }
  // Places that were given and not taken are on their way; the gate must outlive them.
  ~AdmissionGateTest() override {
    gate().stop();
    constexpr int kPosts = 4; // more than there are on the way of one
    for (int i = 0; i < kPosts; ++i) {
      settle(0);
      settle(1);
    }
    loops_.stop(); // a tick may be under way
  }

  AdmissionGate& gate() {
    if (!gate_) {
      AdmissionGate::Observer observer{
          [this](Tier tier, AdmissionReason reason, Duration) {
            decisions_.with([&](auto& all) { all.push_back({tier, reason}); });
          },
          [this](Duration oldest, MonotonicTime) {
            ++ticks_;
            oldest_ = oldest;
            return false;
          }};
      gate_ = std::make_unique<AdmissionGate>(config_, std::move(observer), clock_);
    }
    return *gate_;
  }

  Running<Place> come(Tier tier, Deadline deadline = {}) {
    return start(gate().enter({.tenant = "t", .tier = tier, .deadline = deadline}, 0));
  }
  Place enter() {
    auto place = come(Tier::kPaid).get();
    EXPECT_TRUE(place);
    return std::move(*place);
  }
  void await_waiting(std::size_t count) {
    const auto waiting = [this] {
      const auto status = gate().status();
      return status.waiting[0] + status.waiting[1] + status.waiting[2] + status.waiting[3];
    };
    while (waiting() != count) std::this_thread::yield();
  }
  void await_ticks(int more) {
    const int until = ticks_ + more;
    while (ticks_ < until) std::this_thread::yield();
  }

  AdmissionGate::Config config_;
  ManualClock clock_;
  Guarded<std::vector<Decided>> decisions_;
  std::atomic<int> ticks_ = 0;
  std::atomic<Duration> oldest_{};
  std::unique_ptr<AdmissionGate> gate_;
};

TEST_F(AdmissionGateTest, TheFirstNeedNotWait) {
  const Place first = enter();
  const Place second = enter();
  EXPECT_EQ(first.waited(), Duration::zero());
  EXPECT_EQ(gate().status().limit.in_flight, 2u);
  EXPECT_EQ(gate().status().limit.limit, 2u);
  EXPECT_EQ(ticks_, 0);
}

TEST_F(AdmissionGateTest, WhoWaitsGetsThePlaceThatIsLeft) {
  Place first = enter();
  const Place second = enter();
  auto third = come(Tier::kPaid);
  await_waiting(1);
  clock_.advance(40ms);
  first.report(LimitOutcome::kSuccess);
  const auto place = third.get();
  ASSERT_TRUE(place);
  EXPECT_EQ(place->waited(), 40ms);
  EXPECT_EQ(gate().status().limit.in_flight, 2u);
}

TEST_F(AdmissionGateTest, APlaceThatIsDestroyedIsLeft) {
  std::optional<Place> first(enter());
  const Place second = enter();
  auto third = come(Tier::kPaid);
  await_waiting(1);
  first.reset();
  EXPECT_TRUE(third.get());
}

TEST_F(AdmissionGateTest, TheHigherTierGoesFirst) {
  Place first = enter();
  const Place second = enter();
  auto free = come(Tier::kFree);
  await_waiting(1);
  auto vip = come(Tier::kVip);
  await_waiting(2);
  first.report(LimitOutcome::kSuccess);
  const auto place = vip.get();
  EXPECT_TRUE(place);
  EXPECT_EQ(gate().status().waiting[policy::index_of(Tier::kFree)], 1u);
}

TEST_F(AdmissionGateTest, AFullQueueRefusesAndSaysWhenToComeAgain) {
  const Place first = enter();
  const Place second = enter();
  std::vector<Running<Place>> waiting;
  for (int i = 0; i < 3; ++i) waiting.push_back(come(Tier::kPaid));
  await_waiting(3);
  const auto refused = come(Tier::kPaid).get();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kOverloaded);
  EXPECT_EQ(refused.error().retry_after, config_.admission.min_retry_after);
  const Decided last = decisions_.with([](auto& all) { return all.back(); });
  EXPECT_EQ(last, (Decided{Tier::kPaid, AdmissionReason::kFull}));
}

TEST_F(AdmissionGateTest, ALowerTierMakesRoom) {
  const Place first = enter();
  const Place second = enter();
  auto free = come(Tier::kFree);
  await_waiting(1);
  auto paid = come(Tier::kPaid);
  auto other = come(Tier::kPaid);
  await_waiting(3);
  auto vip = come(Tier::kVip);
  EXPECT_EQ(free.error(), ErrorCode::kOverloaded);
  await_waiting(3);
}

TEST_F(AdmissionGateTest, WhoCannotBeInTimeIsSentAwayWhileWaiting) {
  const Place first = enter();
  const Place second = enter();
  auto hurried = come(Tier::kPaid, Deadline::after(100ms, clock_.now()));
  await_waiting(1);
  clock_.advance(99ms);
  await_ticks(2);
  EXPECT_EQ(gate().status().waiting[policy::index_of(Tier::kPaid)], 1u);
  clock_.advance(1ms);
  EXPECT_EQ(hurried.error(), ErrorCode::kDeadlineExceeded);
}

TEST_F(AdmissionGateTest, TheDelayIsToldWhileSomebodyWaitsAndIngestIsLeftAside) {
  Place first = enter();
  const Place second = enter();
  auto ingest = come(Tier::kIngest);
  await_waiting(1);
  clock_.advance(30ms);
  await_ticks(2);
  EXPECT_EQ(oldest_.load(), Duration::zero());
  auto paid = come(Tier::kPaid);
  await_waiting(2);
  clock_.advance(30ms);
  await_ticks(2);
  EXPECT_EQ(oldest_.load(), 30ms);
  first.report(LimitOutcome::kSuccess);
  Place third = std::move(*paid.get());
  third.report(LimitOutcome::kSuccess);
  EXPECT_TRUE(ingest.get());
  std::this_thread::sleep_for(5 * AdmissionGate::kTick);
  const int ticks = ticks_;
  std::this_thread::sleep_for(5 * AdmissionGate::kTick);
  EXPECT_EQ(ticks_, ticks);
}

TEST_F(AdmissionGateTest, WhoGoesAwayLeavesTheQueue) {
  Place first = enter();
  const Place second = enter();
  auto gone = come(Tier::kPaid);
  await_waiting(1);
  auto patient = come(Tier::kPaid);
  await_waiting(2);
  gone.cancel();
  EXPECT_EQ(gone.error(), ErrorCode::kClientClosed);
  await_waiting(1);
  first.report(LimitOutcome::kSuccess);
  const auto place = patient.get();
  EXPECT_TRUE(place);
  EXPECT_EQ(gate().status().limit.in_flight, 2u);
}

TEST_F(AdmissionGateTest, StoppingSendsEverybodyAway) {
  const Place first = enter();
  const Place second = enter();
  auto waiting = come(Tier::kPaid);
  await_waiting(1);
  gate().stop();
  EXPECT_EQ(waiting.error(), ErrorCode::kUnavailable);
  EXPECT_EQ(come(Tier::kVip).error(), ErrorCode::kUnavailable);
}

// From both loops, with cancellations at random moments: whoever was not cancelled gets a place,
// and in the end all are free.
TEST_F(AdmissionGateTest, NoPlaceIsLost) {
  config_.admission.max_waiting = 1'000;
  Rng rng(7);
  gate(); // before the loops ask for it
  auto come_and_go = [this](Tier tier) -> Task<Result<>> {
    auto place = co_await gate().enter({.tenant = "t", .tier = tier}, 0);
    if (!place) co_return forward_error(place);
    if (auto ok = co_await pause(std::chrono::microseconds(100)); !ok) co_return ok;
    place->report(LimitOutcome::kSuccess);
    co_return Result<>();
  };
  constexpr int kRounds = 300;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<Running<void>> all;
    for (std::size_t i = 0; i < 8; ++i) {
      all.push_back(start(come_and_go(policy::kAllTiers[rng.below(policy::kTiers)]), i % 2));
    }
    std::array<bool, 8> cancelled{};
    for (std::size_t i = 0; i < all.size(); ++i) {
      cancelled[i] = rng.below(2) == 0;
      if (cancelled[i]) all[i].cancel();
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
      EXPECT_TRUE(all[i].get() || cancelled[i]);
    }
  }
  EXPECT_EQ(gate().status().limit.in_flight, 0u);
  await_waiting(0);
}

} // namespace
} // namespace raglan::net
