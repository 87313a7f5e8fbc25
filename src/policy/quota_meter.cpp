#include "policy/quota_meter.h"

#include <algorithm>

namespace raglan::policy {
namespace {

using Seconds = std::chrono::duration<double>;

// Rounded up: who waits so long is not too early.
Duration wait_of(double seconds) {
  return std::chrono::ceil<Duration>(Seconds(std::clamp(seconds, 0.0, 3600.0)));
}

std::int64_t index_of_slot(MonotonicTime at) {
  return std::max<std::int64_t>(0, at.time_since_epoch() / QuotaMeter::kSlot);
}

// Sums of rounded times and of fractions are not exact.
constexpr std::chrono::microseconds kGrain{1};
constexpr double kRounding = 1e-6;

} // namespace

double QuotaMeter::burst() const { return std::max(1.0, limit_ * kBurstRatio); }

double QuotaMeter::per_second() const {
  // Of very small limits the burst, which is at least one, is most; the window holds them.
  return std::max(limit_ - burst(), limit_ / 2) / Seconds(kPeriod).count();
}

std::optional<MonotonicTime> QuotaMeter::earliest(double amount, double spare_ratio,
                                                  double rate_factor, MonotonicTime from,
                                                  MonotonicTime now) {
  advance(now);
  change_rate(rate_factor, now);
  if (observed_ && now >= observed_->until) observed_.reset();
  MonotonicTime start = std::max(from, now);
  if (limit_ > 0) {
    const double room = std::min(amount + spare_ratio * burst(), burst());
    const Duration full = wait_of((burst() - room) / rate_);
    start = std::max(start, empty_at_ - full - kGrain);
  }
  if (observed_) {
    const double missing = amount + observed_->booked - observed_->remaining;
    if (missing > 0) {
      const MonotonicTime there = observed_->at + wait_of(missing / observed_->per_second);
      start = std::max(start, std::min(there, observed_->until));
    }
  }
  if (limit_ <= 0) return start;
  if (amount > limit_) return std::nullopt;
  const std::int64_t last = newest_ + kHorizon / kSlot;
  std::int64_t index = index_of_slot(start);
  const std::int64_t first = index;
  while (index <= last && !fits(amount, index)) ++index;
  if (index > last) return std::nullopt;
  return index == first ? start : MonotonicTime(index * kSlot);
}

void QuotaMeter::book(double amount, double rate_factor, MonotonicTime start, MonotonicTime now) {
  advance(now);
  change_rate(rate_factor, now);
  start = std::clamp(start, now, now + kHorizon);
  slot(index_of_slot(start)) += amount;
  if (limit_ > 0) {
    if (empty_at_ < start) busy_since_ = empty_at_ = start;
    empty_at_ += wait_of(amount / rate_);
  }
  if (observed_) observed_->booked += amount;
}

void QuotaMeter::correct(double difference, MonotonicTime start, bool in_bucket,
                         MonotonicTime now) {
  advance(now);
  // One that is out of the window by now matters no more to it.
  const std::int64_t index = index_of_slot(start);
  if (index > newest_ - kWindowSlots && index <= newest_ + kHorizon / kSlot) {
    slot(index) = std::max(0.0, slot(index) + difference);
  }
  if (limit_ > 0 && rate_ > 0 && in_bucket) {
    const Duration change = wait_of(std::abs(difference) / rate_);
    empty_at_ = difference > 0 ? std::max(empty_at_, now) + change : empty_at_ - change;
  }
  if (observed_ && start >= observed_->at) {
    observed_->booked = std::max(0.0, observed_->booked + difference);
  }
}

void QuotaMeter::fill(double spare_ratio, double rate_factor, MonotonicTime at, MonotonicTime now) {
  if (limit_ <= 0) return;
  change_rate(rate_factor, now);
  busy_since_ = at;
  const double level = std::max(0.0, (1 - spare_ratio) * burst() - 1);
  empty_at_ = at + wait_of(level / rate_);
}

void QuotaMeter::change_rate(double rate_factor, MonotonicTime now) {
  if (limit_ <= 0) return;
  const double rate = per_second() * rate_factor;
  if (rate == rate_) return; // else roundings would add up
  const MonotonicTime base = std::max(now, busy_since_);
  if (rate_ > 0 && empty_at_ > base) {
    empty_at_ = base + wait_of(Seconds(empty_at_ - base).count() * rate_ / rate);
  }
  rate_ = rate;
}

void QuotaMeter::observe(const QuotaReading& reading, MonotonicTime now) {
  if (!reading.remaining) return;
  const double limit = reading.limit.value_or(limit_);
  if (limit <= 0) return;
  advance(now);
  if (*reading.remaining >= limit) {
    observed_.reset(); // all is there: no more to say
    return;
  }
  const Duration reset = std::clamp<Duration>(reading.reset.value_or(kPeriod), kSlot, 10 * kPeriod);
  Observation seen;
  seen.at = now;
  seen.until = now + reset;
  seen.remaining = *reading.remaining;
  seen.per_second = (limit - *reading.remaining) / Seconds(reset).count();
  // What is booked for later has not been counted there yet.
  seen.booked = sum(newest_ + 1, newest_ + kHorizon / kSlot);
  observed_ = seen;
}

double QuotaMeter::used_ratio(MonotonicTime now) {
  advance(now);
  double ratio = limit_ > 0 ? sum(newest_ - kWindowSlots + 2, newest_) / limit_ : 0;
  if (observed_ && now < observed_->until) {
    const double passed = Seconds(std::max(now - observed_->at, Duration::zero())).count();
    const double whole = observed_->remaining +
                         observed_->per_second * Seconds(observed_->until - observed_->at).count();
    const double left = observed_->remaining + observed_->per_second * passed - observed_->booked;
    if (whole > 0) ratio = std::max(ratio, std::clamp(1 - left / whole, 0.0, 1.0));
  }
  return ratio;
}

double QuotaMeter::recent_peak(MonotonicTime now) {
  constexpr std::int64_t kRecentSlots = 10;
  advance(now);
  double most = 0;
  for (std::int64_t i = std::max<std::int64_t>(0, newest_ - kRecentSlots + 1); i <= newest_; ++i) {
    most = std::max(most, slot(i));
  }
  return most * static_cast<double>(kPeriod / kSlot);
}

// Makes room for the slots that come into sight.
void QuotaMeter::advance(MonotonicTime now) {
  const std::int64_t index = index_of_slot(now);
  if (index <= newest_) return;
  if (index - newest_ >= kSlots) {
    slots_.fill(0);
  } else {
    for (std::int64_t i = newest_ + 1; i <= index; ++i) slot(i + kHorizon / kSlot) = 0;
  }
  newest_ = index;
}

// Whether no window has too much when this is added to a slot.
bool QuotaMeter::fits(double amount, std::int64_t index) {
  const double most = limit_ * (1 + kRounding) - amount;
  const std::int64_t end = newest_ + kHorizon / kSlot;
  double in_window = sum(index - kWindowSlots + 1, index);
  for (std::int64_t last = index;; ++last) {
    if (in_window > most) return false;
    if (last == index + kWindowSlots - 1 || last == end) return true;
    in_window += slot(last + 1);
    const std::int64_t leaves = last - kWindowSlots + 1;
    if (leaves >= 0) in_window -= slot(leaves);
  }
}

double QuotaMeter::sum(std::int64_t first, std::int64_t last) {
  double total = 0;
  for (std::int64_t i = std::max<std::int64_t>(first, 0); i <= last; ++i) total += slot(i);
  return total;
}

} // namespace raglan::policy
