// Wait queue, limit and ladder together, before a simulated callee, with customers who come again.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "base/rng.h"
#include "policy/admission.h"
#include "policy/concurrency_limit.h"
#include "policy/degradation.h"

namespace raglan::policy {
namespace {

using namespace std::chrono_literals;

constexpr MonotonicTime kStart{1h};

// What became of those who came in one phase.
struct Phase {
  std::array<double, kTiers> came{};
  std::array<double, kTiers> served{};
  std::vector<double> latency_ms; // of those who were served, from their coming
  int highest_level = 0;

  double success(Tier tier) const { return served[index_of(tier)] / came[index_of(tier)]; }
  double all_served() const { return served[0] + served[1] + served[2] + served[3]; }
  double p99() {
    std::ranges::sort(latency_ms);
    return latency_ms[latency_ms.size() * 99 / 100];
  }
};

// A callee of 40 workers, 100 ms a call (exponential; a tenth of that at level 2, nothing at 3),
// and customers of whom 5 % are vip and 25 % paid. A request's deadline is 2 s; who is refused
// comes once more when Retry-After is over.
class Node {
 public:
  Phase run(double per_second, Duration time) {
    Phase phase;
    const MonotonicTime end = now_ + time;
    MonotonicTime arrives = now_ + exponential(1 / per_second);
    while (now_ < end) {
      MonotonicTime next = std::min(arrives, samples_);
      if (!calls_.empty()) next = std::min(next, calls_.top().ends);
      if (!again_.empty()) next = std::min(next, again_.begin()->first);
      if (const auto event = admission_.next_event()) next = std::min(next, *event);
      now_ = std::max(now_, next);
      while (!calls_.empty() && calls_.top().ends <= now_) end_call(phase);
      if (now_ >= samples_) sample(phase);
      if (now_ >= arrives) {
        arrives = now_ + exponential(1 / per_second);
        const double draw = rng_.uniform();
        const Tier tier = draw < 0.05 ? Tier::kVip : draw < 0.3 ? Tier::kPaid : Tier::kFree;
        ++phase.came[index_of(tier)];
        arrive({tier, now_, false});
      }
      while (!again_.empty() && again_.begin()->first <= now_) {
        const Customer customer = again_.begin()->second;
        again_.erase(again_.begin());
        arrive(customer);
      }
      decide();
    }
    return phase;
  }

 private:
  struct Customer {
    Tier tier;
    MonotonicTime came;
    bool again;
  };
  struct Call {
    MonotonicTime ends;
    std::size_t permit;
    Customer customer;
    bool operator<(const Call& other) const { return ends > other.ends; }
  };

  Duration exponential(double mean_seconds) {
    return std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>(-std::log(1 - rng_.uniform()) * mean_seconds));
  }

  void sample(Phase& phase) {
    samples_ = now_ + 100ms;
    Duration oldest{};
    for (const Tier tier : kAllTiers) oldest = std::max(oldest, admission_.oldest_wait(tier, now_));
    degradation_.sample(oldest, now_);
    phase.highest_level = std::max(phase.highest_level, degradation_.status(now_).level);
  }

  void arrive(const Customer& customer) {
    // What only a cache may answer needs no place, and must not wait for one: it would keep the
    // queue's delay up, and so the level. Here nothing is cached.
    const int level = effective_level(degradation_.status(now_).level, customer.tier);
    if (with_ladder_ && level >= 3) return;
    const auto entry = admission_.enqueue(
        {.tenant = "t", .tier = customer.tier, .deadline = Deadline(now_ + 2s), .needs = 100ms},
        limit_.available(), now_);
    if (entry.evicted) drop(*entry.evicted);
    switch (entry.state) {
      case AdmissionState::kAdmitted: begin_call(customer); break;
      case AdmissionState::kQueued: waits_.emplace(entry.id, customer); break;
      case AdmissionState::kRefused: refuse(customer, entry.retry_after); break;
    }
  }

  void decide() {
    for (const auto& decision : admission_.poll(limit_.available(), now_)) {
      if (decision.dropped != AdmissionReason::kNone) {
        drop(decision);
        continue;
      }
      begin_call(waits_.at(decision.id));
      waits_.erase(decision.id);
    }
  }

  void drop(const AdmissionDecision& decision) {
    refuse(waits_.at(decision.id), decision.retry_after);
    waits_.erase(decision.id);
  }

  void refuse(Customer customer, Duration retry_after) {
    if (customer.again) return;
    customer.again = true;
    again_.emplace(now_ + retry_after + exponential(0.1), customer);
  }

  void begin_call(const Customer& customer) {
    const int level = effective_level(degradation_.status(now_).level, customer.tier);
    auto permit = limit_.try_acquire(now_, with_ladder_ && level == 2 ? 1 : 0);
    ASSERT_TRUE(permit);
    if (unused_.empty()) {
      unused_.push_back(permits_.size());
      permits_.emplace_back();
    }
    const std::size_t at = unused_.back();
    unused_.pop_back();
    permits_[at].emplace(std::move(*permit));
    auto& worker = *std::ranges::min_element(workers_);
    const double seconds = with_ladder_ && level == 2 ? 0.01 : 0.1;
    worker = std::max(worker, now_) + exponential(seconds);
    calls_.push({worker, at, customer});
  }

  void end_call(Phase& phase) {
    const Call call = calls_.top();
    calls_.pop();
    permits_[call.permit]->report(LimitOutcome::kSuccess, call.ends);
    permits_[call.permit].reset();
    unused_.push_back(call.permit);
    ++phase.served[index_of(call.customer.tier)];
    if (!call.customer.again) {
      phase.latency_ms.push_back(to_milliseconds(call.ends - call.customer.came));
    }
  }

 public:
  bool with_ladder_ = false;

 private:
  Admission admission_;
  ConcurrencyLimit limit_{{}, Rng(1)};
  Degradation degradation_;
  Rng rng_{5};
  MonotonicTime now_ = kStart;
  MonotonicTime samples_ = kStart;
  std::vector<MonotonicTime> workers_ = std::vector<MonotonicTime>(40, kStart);
  std::priority_queue<Call> calls_;
  std::vector<std::optional<ConcurrencyLimit::Permit>> permits_;
  std::vector<std::size_t> unused_;
  std::map<std::uint64_t, Customer> waits_;
  std::multimap<MonotonicTime, Customer> again_;
};

TEST(OverloadSimulation, GoodputStandsWithCustomersWhoComeAgainAndIsBackAfterTheSpike) {
  double usual = 0; // p99 at 0.8 times what the callee can do
  for (const double load : {0.8, 1.0, 2.0, 3.0, 5.0, 10.0}) {
    Node node;
    node.run(320, 20s);
    node.run(400 * load, 10s);
    Phase phase = node.run(400 * load, 30s);
    if (load < 1) usual = phase.p99();
    node.run(320, 5s);
    Phase after = node.run(320, 10s);
    std::printf(
        "  %4.1fx: %.0f/s, vip %.3f paid %.2f free %.2f, p99 %.0f ms, level %d; after: %.0f/s, "
        "p99 %.0f ms\n",
        load, phase.all_served() / 30, phase.success(Tier::kVip), phase.success(Tier::kPaid),
        phase.success(Tier::kFree), phase.p99(), phase.highest_level, after.all_served() / 10,
        after.p99());
    EXPECT_GT(phase.all_served() / 30, (load > 3 ? 0.9 : 0.95) * std::min(400.0, 400 * load));
    EXPECT_GE(phase.success(Tier::kVip), 0.99);
    EXPECT_LE(phase.p99(), 2 * usual);
    EXPECT_GT(after.all_served() / 10, 0.95 * 320);
  }
}

TEST(OverloadSimulation, TheLadderServesMoreByDoingLessForEach) {
  for (const double load : {2.0, 5.0}) {
    Node node;
    node.with_ladder_ = true;
    node.run(320, 20s);
    node.run(400 * load, 10s);
    Phase phase = node.run(400 * load, 30s);
    std::printf(
        "  %4.1fx with the ladder: %.0f/s, vip %.3f paid %.2f free %.2f, p99 %.0f ms, level %d\n",
        load, phase.all_served() / 30, phase.success(Tier::kVip), phase.success(Tier::kPaid),
        phase.success(Tier::kFree), phase.p99(), phase.highest_level);
    EXPECT_GT(phase.all_served() / 30, 400);
    EXPECT_GE(phase.success(Tier::kVip), 0.99);
  }
}

} // namespace
} // namespace raglan::policy
