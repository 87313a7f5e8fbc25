// The bounded wait before a concurrency limit: who goes next, who waits in vain, who need not wait.
//
// Tiers. The highest tier that waits is served, but a lower one that waits has a guaranteed share
// of what is admitted from the queue (`paid_share`, `free_share`, `ingest_share`), so that it does
// not starve while there is capacity. Weights alone were rejected: with them vip waits behind free
// whenever free has not had its weight; strict priority alone, because one busy vip would be an
// outage for all others. The share is suspended while a higher tier is in distress (it is
// overloaded, its oldest ticket has waited longer than `target`, or one of its deadlines is nearer
// than that), as there is no capacity to share then: no vip is dropped for the sake of free.
//
// Tenants of a tier share it fairly: policy/fair_queue.h.
//
// Standing queues. A tier whose oldest ticket has been older than `target` for `interval` is
// overloaded until it is empty or its oldest is younger than half of `target`. Then tickets older
// than `target` are dropped, and the newest of a tenant is served first. Within sixteen intervals
// after that it is overloaded again as soon as its oldest is older than `target`. All three are
// CoDel's (RFC 8289): a queue that stands delays everything and serves nobody. Its control law, one
// drop per interval / √n, is not: it is made for senders that slow down after one drop, and would
// take 18 s to drop 900 a second. All that is too old goes at once, as in Facebook's servers
// (Maurer, "Fail at Scale", ACM Queue 2015), and from there is the adaptive LIFO: with first come,
// first served everybody is answered after just as long as anyone is willing to wait; so, most at
// once and some not at all. `target` is above the queue delay at which the ladder
// (policy/degradation.h) rises: doing less for each comes before dropping some. Where the work
// takes longer than `target` (`needs` of the last customer), it is as long as the work instead: who
// is served waits at most as long again as the work takes.
//
// Deadlines. A ticket that cannot be done in time (`needs` is how long the work itself takes) is
// refused at once, and dropped as soon as it cannot any more. The wait is estimated as
//
//   (cost that waits in higher tiers + its turn within its own tier) × seconds per cost
//
// Seconds per cost: of the admissions while the queue was not empty, the last twenty or so weighing
// most, at least what the present gap says. Its turn: the smaller of all that waits in its tier,
// and as many rounds of the tier's tenants as it is behind in its own. Before the first measurement
// nothing is refused, nor is who finds nobody waiting.
//
// Bounds. At most `max_waiting` tickets wait, none longer than `max_wait`. A full queue makes room
// for a higher tier by dropping the newest ticket of the lowest tier; and, within a tier, for a
// tenant that has at least two less than the one with the most, by dropping that one's newest (as
// fq_codel, RFC 8290): else one tenant could fill the queue and fairness would begin only behind
// that.
//
// The caller owns the concurrency limit and says how many places are free. It calls `poll` whenever
// a place gets free (and after `enqueue` said kQueued while there was one), and at `next_event`.
// What poll answers is final: those tickets are gone from here, each exactly once.
//
// Every operation is O(log n), poll that times the tickets it decides on.
//
// Thread safety: none; one for a node belongs into a Guarded<Admission>, together with every
// try_acquire of the limit, so that a place that was seen free is.
//
//   auto entered = admission.enqueue({.tenant = "acme", .tier = Tier::kPaid, .deadline = deadline},
//                                    limit.available(), now);
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/deadline.h"
#include "config/table.h"
#include "policy/drain_rate.h"
#include "policy/fair_queue.h"
#include "policy/tier.h"

namespace raglan::policy {

struct AdmissionConfig {
  std::size_t max_waiting = 1'000;
  std::chrono::milliseconds max_wait{10'000};
  std::chrono::milliseconds target{250};
  std::chrono::milliseconds interval{1'000};
  bool adaptive_lifo = true;
  double paid_share = 0.2;
  double free_share = 0.05;
  double ingest_share = 0.02;
  std::chrono::milliseconds min_retry_after{1'000};
  std::chrono::milliseconds max_retry_after{30'000};
};

inline void describe(config::Table<AdmissionConfig>& table) {
  using C = AdmissionConfig;
  using std::chrono::milliseconds;
  table.field("max_waiting", &C::max_waiting, "requests that may wait for a place")
      .min(1)
      .max(1'000'000);
  table.field("max_wait", &C::max_wait, "longest wait for a place").min(milliseconds(1));
  table
      .field("target", &C::target,
             "wait that is too long when it lasts; above degradation's raise_above")
      .min(milliseconds(1));
  table.field("interval", &C::interval, "how long it must last to be overload")
      .min(milliseconds(1));
  table.field("adaptive_lifo", &C::adaptive_lifo, "serve the newest first while overloaded");
  table.ratio("paid_share", &C::paid_share, "share of places that paid gets beside vip").max(0.5);
  table.ratio("free_share", &C::free_share, "share of places that free gets beside the others")
      .max(0.5);
  table.ratio("ingest_share", &C::ingest_share, "share of places that ingest gets beside questions")
      .max(0.5);
  table.field("min_retry_after", &C::min_retry_after, "least that Retry-After says")
      .min(milliseconds(1));
  table.field("max_retry_after", &C::max_retry_after, "most that Retry-After says")
      .min(milliseconds(1))
      .max(std::chrono::hours(1));
  table.rule("paid_share, free_share and ingest_share must not exceed 50 % together",
             [](const C& c) { return c.paid_share + c.free_share + c.ingest_share <= 0.5; });
  table.rule("min_retry_after must not exceed max_retry_after",
             [](const C& c) { return c.min_retry_after <= c.max_retry_after; });
}

struct Ticket {
  std::string tenant;
  Tier tier = Tier::kPaid;
  Deadline deadline;
  double cost = 1;   // relative to other tickets; within kMinCost and kMaxCost
  Duration needs{};  // what the work takes once it has begun
  bool waits = true; // else it is admitted at once or refused
};

enum class AdmissionState : std::uint8_t { kAdmitted, kQueued, kRefused };

enum class AdmissionReason : std::uint8_t {
  kNone,
  kFull,     // refused: no room, and nobody to make some
  kDeadline, // refused or dropped: cannot be done in time
  kOverload, // dropped: older than the target in a standing queue
  kMaxWait,  // dropped: waited as long as anybody may
  kEvicted,  // dropped: made room for another
};
std::string_view admission_reason_name(AdmissionReason reason); // "", "full", "deadline", …

// What became of a ticket that waited.
struct AdmissionDecision {
  std::uint64_t id = 0;
  AdmissionReason dropped = AdmissionReason::kNone; // kNone: it is admitted
  Tier tier = Tier::kPaid;
  Duration waited{};
  Duration retry_after{}; // when it was dropped
};

struct AdmissionEntry {
  AdmissionState state = AdmissionState::kRefused;
  std::uint64_t id = 0;                            // of a ticket that waits
  AdmissionReason reason = AdmissionReason::kNone; // of a refusal
  Duration retry_after{};                          // of a refusal
  std::optional<AdmissionDecision> evicted;        // whose place it took
};

class Admission {
 public:
  static constexpr double kMinCost = 0.001;
  static constexpr double kMaxCost = 1'000'000;

  explicit Admission(AdmissionConfig config = {}) : config_(config) {}

  // `places`: how many the limit would admit now.
  AdmissionEntry enqueue(Ticket ticket, std::size_t places, MonotonicTime now);
  // Drops who waits in vain and admits up to `places`.
  std::vector<AdmissionDecision> poll(std::size_t places, MonotonicTime now);
  // The client went away. False when the ticket does not wait (any more).
  bool cancel(std::uint64_t id);

  // When poll has something to do even if no place gets free; empty when nothing waits.
  std::optional<MonotonicTime> next_event() const;
  // How long a ticket would wait if it came now.
  Duration estimated_wait(std::string_view tenant, Tier tier, double cost, MonotonicTime now) const;

  std::size_t waiting() const;
  std::size_t waiting(Tier tier) const { return lane(tier).queue.size(); }
  bool overloaded(Tier tier) const { return lane(tier).overloaded; }
  // The age of the oldest ticket of a tier; zero without one.
  Duration oldest_wait(Tier tier, MonotonicTime now) const;
  // For policy/degradation.h: the age of the oldest customer's ticket (ingest can always wait).
  // Where the work takes longer than the configured target, as much less: a wait counts for what it
  // is beside the work.
  Duration queue_delay(MonotonicTime now) const;
  // The wait that is too long when it lasts.
  Duration target() const { return std::max<Duration>(config_.target, needs_); }
  const AdmissionConfig& config() const { return config_; }

 private:
  struct Lane {
    FairQueue queue;
    std::optional<MonotonicTime> standing_since; // the oldest is beyond the target since then
    bool overloaded = false;
    std::optional<MonotonicTime> ended_at; // the last overload
    double credit = 0;                     // of its guaranteed share, in cost
  };

  Lane& lane(Tier tier) { return lanes_[index_of(tier)]; }
  const Lane& lane(Tier tier) const { return lanes_[index_of(tier)]; }

  std::optional<AdmissionDecision> make_room(const Ticket& ticket, MonotonicTime now);
  AdmissionDecision drop(Tier tier, std::uint64_t id, AdmissionReason reason, MonotonicTime now);
  void drop_hopeless(Tier tier, MonotonicTime now, std::vector<AdmissionDecision>& decisions);
  void drop_standing(Tier tier, MonotonicTime now, std::vector<AdmissionDecision>& decisions);
  void judge_standing(Lane& lane, MonotonicTime now) const;
  static void end_overload(Lane& lane, MonotonicTime now);
  Duration patience(const Lane& lane, MonotonicTime since) const;
  bool in_distress(const Lane& lane, MonotonicTime now) const;
  std::optional<Tier> next_tier(MonotonicTime now) const;
  void credit_shares(Tier served, double cost);
  double share_of(Tier tier) const;
  Duration retry_after(Tier tier, MonotonicTime now) const;

  AdmissionConfig config_;
  std::array<Lane, kTiers> lanes_;
  std::uint64_t last_sequence_ = 0;
  Duration needs_{}; // of the last customer's ticket that said so
  DrainRate drain_;
  MonotonicTime latest_{}; // `now` does not run backwards in here
};

} // namespace raglan::policy
