// One quota of an upstream, so much a minute of requests or of tokens: when the next use may begin.
//
// Three conditions, and the latest of their times counts:
//   - Spreading. A leaky bucket (as a virtual scheduler, GCRA: ITU-T I.371) of a tenth of the quota
//     (`kBurstRatio`) that empties at the rate of the rest: uses come evenly, and what was not used
//     may be made up for at most by that tenth. Both together are the quota, so no minute has more.
//   - The window. A use larger than the bucket (a long prompt) is let through when that is empty,
//     and would break that promise. So uses are also summed up by slots of a second, past and
//     booked, and no sixty-one slots in a row, which a minute can touch, have more than the quota.
//   - What the provider says. Others may use the same quota. From `remaining` at the time of the
//     answer it grows as the provider says (to all of it at `reset`); what was booked since is off.
//
// The rate may change at any time: what is in the bucket then takes as much longer, or shorter, to
// leave it.
//
// A use may be booked for a time to come; times need not be in order. Without a limit every use may
// begin at once; it is counted all the same.
//
// Thread safety: none; part of a Pacer. `now` may run backwards: nothing is booked in the past.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "policy/quota_headers.h"

namespace raglan::policy {

class QuotaMeter {
 public:
  static constexpr std::chrono::seconds kPeriod{60};
  static constexpr std::chrono::seconds kSlot{1};
  static constexpr double kBurstRatio = 0.1;
  // How far ahead may be booked.
  static constexpr std::chrono::seconds kHorizon{120};

  // In a minute; 0: no limit.
  void set_limit(double limit) { limit_ = limit; }
  double limit() const { return limit_; }

  // The first time, from `from` on, at which a use of this size may begin when uses are spread at
  // `rate_factor` of the full rate. The bucket must have room for `spare_ratio` of it besides:
  // room that is kept for others. Empty when there is none within the horizon.
  std::optional<MonotonicTime> earliest(double amount, double spare_ratio, double rate_factor,
                                        MonotonicTime from, MonotonicTime now);
  void book(double amount, double rate_factor, MonotonicTime start, MonotonicTime now);
  // A use that was booked for `start` was larger by `difference`, or smaller. `in_bucket`: false
  // for one that was booked before `fill`.
  void correct(double difference, MonotonicTime start, bool in_bucket, MonotonicTime now);

  // What was not used until then is not made up for: no burst follows, but for the share
  // `spare_ratio` of the bucket. What is booked for later is out of the bucket: it is to be booked
  // anew.
  void fill(double spare_ratio, double rate_factor, MonotonicTime at, MonotonicTime now);

  // A provider's answer.
  void observe(const QuotaReading& reading, MonotonicTime now);

  // Used in the last minute, of the limit; or what the provider says, if that is more.
  double used_ratio(MonotonicTime now);
  // Used in the busiest of the last ten seconds, as an amount a minute.
  double recent_peak(MonotonicTime now);

 private:
  static constexpr std::int64_t kWindowSlots = kPeriod / kSlot + 1;
  static constexpr std::int64_t kSlots = kWindowSlots + kHorizon / kSlot + 1;

  struct Observation {
    MonotonicTime at{};
    MonotonicTime until{};
    double remaining = 0;
    double per_second = 0;
    double booked = 0; // since then
  };

  double burst() const;
  double per_second() const;
  void change_rate(double rate_factor, MonotonicTime now);
  double& slot(std::int64_t index) { return slots_[static_cast<std::size_t>(index % kSlots)]; }
  void advance(MonotonicTime now);
  bool fits(double amount, std::int64_t index);
  double sum(std::int64_t first, std::int64_t last);

  double limit_ = 0;
  MonotonicTime empty_at_{};   // of the bucket
  MonotonicTime busy_since_{}; // it drains from then on, until it is empty
  double rate_ = 0;            // a second, by which that was reckoned; 0: never yet
  std::array<double, kSlots> slots_{};
  std::int64_t newest_ = 0; // the slot of the latest `now`
  std::optional<Observation> observed_;
};

} // namespace raglan::policy
