// Keeps the calls to one upstream under its quota: says when the next one may start.
//
// A throttle is not an outage: a provider that answers 429 is well, and wants to be asked later. So
// 429 is no matter for the breaker but for this; whoever calls reserves a start time first.
//
//   quota        requests and tokens a minute: the smaller of what is configured and what the
//                answers' headers say, divided by the nodes that share it. Uses are spread evenly,
//                no minute has more than the quota, and what others use of it is seen in
//                `remaining` (policy/quota_meter.h). Tokens are estimated before a call and
//                corrected after.
//   429          holds back every call until Retry-After is over (or `default_backoff`), and halves
//                (`cut_ratio`) the rate, once for all calls that were started before the last cut,
//                as TCP does once a round trip: 105 refusals of one burst say one thing, once. What
//                was not sent meanwhile is not made up for by a burst.
//   ramp         after that the rate grows by `ramp_per_second` of the full one: additive increase,
//                multiplicative decrease (Chiu and Jain, 1989) lets nodes that know nothing of each
//                other converge to equal shares. Slow start (doubling) was rejected: it ends in the
//                next 429, by its design, and the quota is mostly known. Growth is by time and not
//                by answers, else an upstream that is slow would recover slowly.
//   unknown      without any quota calls are not held back until the first 429; then the busiest
//                second of the last ten (or five calls a second, if that is more) is taken for
//                the quota of requests. It doubles whenever twice of it has gone well, and is
//                forgotten after `kForgetAfter` without a 429.
//   priority     room in the bucket is kept for higher tiers, and a tier may book only so far ahead
//                (vip `max_lead`, paid 1/2, free 1/4, ingest 1/10 of it): a vip waits behind at
//                most that much of others' bookings. A document that is refused for that asks
//                again later; for a customer something else is done at once, since so many others
//                wait already.
//
// A reservation whose call is not made is given back. A reservation for later must be confirmed
// when its time has come: a 429 may have come between, and what was booked before it was booked at
// a rate that was too high, and all would start at once.
//
// Thread safety: none; one for an upstream belongs into a Guarded<Pacer>.
//
//   auto slot = pacer.reserve({.tokens = estimate}, Tier::kPaid, deadline, now);
//   if (!slot) return degraded(slot.error().retry_after);
//   ... wait until slot->start ...
//   slot = pacer.confirm(*slot, deadline, now);
//   ... call ...
//   pacer.observe(report, now);
//   pacer.completed(*slot, usage.total_tokens, now);           // or throttled, or cancel
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/deadline.h"
#include "config/table.h"
#include "policy/quota_headers.h"
#include "policy/quota_meter.h"
#include "policy/tier.h"

namespace raglan::policy {

struct PacerConfig {
  std::int64_t requests_per_minute = 0; // 0: what the upstream says
  std::int64_t tokens_per_minute = 0;
  std::chrono::milliseconds max_lead{10'000};
  std::chrono::milliseconds default_backoff{1'000};
  std::chrono::milliseconds max_backoff{60'000};
  double cut_ratio = 0.5;
  double min_rate = 0.05;
  double ramp_per_second = 0.05;
  double alert_ratio = 0.8;
};

inline void describe(config::Table<PacerConfig>& table) {
  using C = PacerConfig;
  using std::chrono::milliseconds;
  constexpr std::int64_t kMost = 100'000'000'000;
  table
      .field("requests_per_minute", &C::requests_per_minute,
             "the upstream's quota; 0: what its headers say")
      .min(0)
      .max(kMost);
  table
      .field("tokens_per_minute", &C::tokens_per_minute,
             "the upstream's quota; 0: what its headers say")
      .min(0)
      .max(kMost);
  table.field("max_lead", &C::max_lead, "how far ahead a call may be booked")
      .min(milliseconds(1))
      .max(std::chrono::minutes(1));
  table
      .field("default_backoff", &C::default_backoff,
             "how long all calls wait after a 429 that does not say so itself")
      .min(milliseconds(1))
      .max(std::chrono::hours(1));
  table.field("max_backoff", &C::max_backoff, "the longest Retry-After that is believed")
      .min(milliseconds(1))
      .max(std::chrono::hours(24));
  table.ratio("cut_ratio", &C::cut_ratio, "what a 429 leaves of the rate").min(0.1).max(0.95);
  table.ratio("min_rate", &C::min_rate, "what 429s leave of the rate at least").min(0.001);
  table
      .ratio("ramp_per_second", &C::ramp_per_second,
             "share of the full rate that comes back each second after a 429")
      .min(0.001);
  table.ratio("alert_ratio", &C::alert_ratio, "used share of a quota that is reported").min(0.01);
}

struct PacerCost {
  double tokens = 0; // of prompt and answer, estimated
};

// A call that may start.
struct PacerSlot {
  MonotonicTime booked_at{};
  MonotonicTime start{};
  double tokens = 0;
  Tier tier = Tier::kPaid;
};

enum class PacerReason : std::uint8_t {
  kDeadline, // it could start only after its deadline
  kAhead,    // it could start only later than its tier may book
  kTooLarge, // it needs more tokens than a minute has, or the next two are full
};
std::string_view pacer_reason_name(PacerReason reason); // "deadline", "ahead", "too_large"

struct PacerRefusal {
  PacerReason reason = PacerReason::kAhead;
  Duration retry_after{}; // zero when it is of no use
  bool ask_again = false; // then: this tier waits that long
};

struct PacerStatus {
  double requests_limit = 0; // of this node, a minute; 0: none known
  double tokens_limit = 0;
  double requests_used_ratio = 0;
  double tokens_used_ratio = 0;
  bool alert = false; // one of them is at alert_ratio or more
  double rate_factor = 1;
  Duration blocked{};          // for how long no call may start
  std::uint64_t throttled = 0; // 429s so far
  std::uint64_t cuts = 0;      // of the rate, so far
};

class Pacer {
 public:
  static constexpr std::chrono::minutes kForgetAfter{10};
  // A call that starts so long after its slot is booked anew: many that were held up elsewhere
  // would else start together.
  static constexpr std::chrono::seconds kMaxLate{1};

  explicit Pacer(PacerConfig config = {});

  std::expected<PacerSlot, PacerRefusal> reserve(PacerCost cost, Tier tier, Deadline deadline,
                                                 MonotonicTime now);
  // The slot itself when its call may start now; when it may not any more, or it is later than
  // kMaxLate, the slot is given back and another one reserved.
  std::expected<PacerSlot, PacerRefusal> confirm(const PacerSlot& slot, Deadline deadline,
                                                 MonotonicTime now);
  // The call was not made.
  void cancel(const PacerSlot& slot, MonotonicTime now);
  // It was answered. `tokens`: what it really cost, if that is known.
  void completed(const PacerSlot& slot, std::optional<double> tokens, MonotonicTime now);
  // What an answer's headers say, as soon as they have come: by the time it has been read they are
  // old.
  void observe(const QuotaReport& report, MonotonicTime now);
  // It was answered 429, and cost no tokens.
  void throttled(const PacerSlot& slot, std::optional<Duration> retry_after, MonotonicTime now);

  // Among how many nodes the quota is divided; 1 while nothing else is known.
  void set_nodes(std::size_t nodes);

  PacerStatus status(MonotonicTime now);
  const PacerConfig& config() const { return config_; }

 private:
  bool before_cut(const PacerSlot& slot) const;
  void apply_limits();
  double rate_factor(MonotonicTime now) const;
  void grow_learned(MonotonicTime now);
  std::optional<MonotonicTime> first_start(double tokens, Tier tier, MonotonicTime now);

  PacerConfig config_;
  std::size_t nodes_ = 1;
  QuotaMeter requests_;
  QuotaMeter tokens_;
  double seen_requests_limit_ = 0; // by headers
  double seen_tokens_limit_ = 0;
  double learned_requests_limit_ = 0; // by a 429, of this node
  MonotonicTime blocked_until_{};
  double factor_ = 1; // at factor_at_
  MonotonicTime factor_at_{};
  std::optional<MonotonicTime> last_cut_;
  std::uint64_t throttled_ = 0;
  std::uint64_t cuts_ = 0;
};

} // namespace raglan::policy
