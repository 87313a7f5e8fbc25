#include "policy/pacer.h"

#include <algorithm>

namespace raglan::policy {
namespace {

// Per tier: how much of the bucket is left to the higher ones, and how far ahead may be booked as a
// share of max_lead.
constexpr std::array<double, kTiers> kSpare{0, 0.1, 0.25, 0.5};
constexpr std::array<double, kTiers> kLead{1, 0.5, 0.25, 0.1};
// Of requests a minute: a node that is quiet when it meets its first 429 learns nothing of use.
constexpr double kLeastLearned = 300;
// After a 429 a burst of so much of the bucket may follow.
constexpr double kSpareAfterCut = kSpare[index_of(Tier::kPaid)];
// A learned quota doubles when so much of it went well.
constexpr double kGrowFactor = 2;

double smaller_known(double a, double b) {
  if (a <= 0) return b;
  return b <= 0 ? a : std::min(a, b);
}

} // namespace

std::string_view pacer_reason_name(PacerReason reason) {
  switch (reason) {
    case PacerReason::kDeadline: return "deadline";
    case PacerReason::kAhead: return "ahead";
    case PacerReason::kTooLarge: return "too_large";
  }
  return "unknown";
}

Pacer::Pacer(PacerConfig config) : config_(config) { apply_limits(); }

std::expected<PacerSlot, PacerRefusal> Pacer::reserve(PacerCost cost, Tier tier, Deadline deadline,
                                                      MonotonicTime now) {
  grow_learned(now);
  const double tokens = std::max(cost.tokens, 0.0);
  const auto start = first_start(tokens, tier, now);
  const bool has_time = tier == Tier::kIngest;
  if (!start) {
    // Of no use ever, or not in the next two minutes.
    const bool never = tokens_.limit() > 0 && tokens > tokens_.limit();
    const Duration later = never ? Duration::zero() : Duration(QuotaMeter::kPeriod);
    return std::unexpected(PacerRefusal{PacerReason::kTooLarge, later, !never && has_time});
  }
  const Duration wait = *start - now;
  if (!deadline.allows(wait, now)) {
    return std::unexpected(PacerRefusal{PacerReason::kDeadline, wait});
  }
  const auto lead = std::chrono::duration_cast<Duration>(config_.max_lead * kLead[index_of(tier)]);
  if (wait > lead) {
    return std::unexpected(PacerRefusal{PacerReason::kAhead, wait - lead, has_time});
  }
  const double factor = rate_factor(now);
  requests_.book(1, factor, *start, now);
  tokens_.book(tokens, factor, *start, now);
  return PacerSlot{now, *start, tokens, tier};
}

std::expected<PacerSlot, PacerRefusal> Pacer::confirm(const PacerSlot& slot, Deadline deadline,
                                                      MonotonicTime now) {
  const bool too_late = now - slot.start > kMaxLate;
  if (now >= blocked_until_ && !before_cut(slot) && !too_late) return slot;
  cancel(slot, now);
  return reserve({slot.tokens}, slot.tier, deadline, now);
}

void Pacer::cancel(const PacerSlot& slot, MonotonicTime now) {
  requests_.correct(-1, slot.start, !before_cut(slot), now);
  tokens_.correct(-slot.tokens, slot.start, !before_cut(slot), now);
}

bool Pacer::before_cut(const PacerSlot& slot) const {
  return last_cut_ && slot.booked_at <= *last_cut_;
}

void Pacer::completed(const PacerSlot& slot, std::optional<double> tokens, MonotonicTime now) {
  if (!tokens) return;
  tokens_.correct(std::max(*tokens, 0.0) - slot.tokens, slot.start, !before_cut(slot), now);
}

void Pacer::throttled(const PacerSlot& slot, std::optional<Duration> retry_after,
                      MonotonicTime now) {
  ++throttled_;
  tokens_.correct(-slot.tokens, slot.start, !before_cut(slot), now);
  const Duration wait = std::clamp<Duration>(retry_after.value_or(config_.default_backoff),
                                             Duration::zero(), config_.max_backoff);
  const bool held_back = now + wait > blocked_until_;
  const bool known = before_cut(slot); // since then
  if (known && !held_back) return;
  blocked_until_ = std::max(blocked_until_, now + wait);
  const double factor = known ? rate_factor(now) : rate_factor(now) * config_.cut_ratio;
  if (!known && requests_.limit() <= 0 && tokens_.limit() <= 0) {
    learned_requests_limit_ = std::max(requests_.recent_peak(now), kLeastLearned);
    apply_limits();
  }
  factor_ = std::max(config_.min_rate, factor);
  // It grows from when calls go out again.
  factor_at_ = blocked_until_;
  requests_.fill(kSpareAfterCut, factor_, blocked_until_, now);
  tokens_.fill(kSpareAfterCut, factor_, blocked_until_, now);
  last_cut_ = now;
  if (!known) ++cuts_;
}

void Pacer::set_nodes(std::size_t nodes) {
  nodes_ = std::max<std::size_t>(nodes, 1);
  apply_limits();
}

PacerStatus Pacer::status(MonotonicTime now) {
  PacerStatus status;
  status.requests_limit = requests_.limit();
  status.tokens_limit = tokens_.limit();
  status.requests_used_ratio = requests_.used_ratio(now);
  status.tokens_used_ratio = tokens_.used_ratio(now);
  status.alert =
      std::max(status.requests_used_ratio, status.tokens_used_ratio) >= config_.alert_ratio;
  status.rate_factor = rate_factor(now);
  status.blocked = std::max(blocked_until_ - now, Duration::zero());
  status.throttled = throttled_;
  status.cuts = cuts_;
  return status;
}

void Pacer::observe(const QuotaReport& report, MonotonicTime now) {
  if (report.requests.limit) seen_requests_limit_ = *report.requests.limit;
  if (report.tokens.limit) seen_tokens_limit_ = *report.tokens.limit;
  if (seen_requests_limit_ > 0 || seen_tokens_limit_ > 0) learned_requests_limit_ = 0;
  apply_limits();
  requests_.observe(report.requests, now);
  tokens_.observe(report.tokens, now);
}

void Pacer::apply_limits() {
  const auto share = [this](std::int64_t configured, double seen) {
    return smaller_known(static_cast<double>(configured), seen) / static_cast<double>(nodes_);
  };
  // Of a quota smaller than the number of nodes each makes a call a minute: more than it has, and
  // better than none.
  const double requests = share(config_.requests_per_minute, seen_requests_limit_);
  requests_.set_limit(
      smaller_known(requests > 0 ? std::max(requests, 1.0) : 0, learned_requests_limit_));
  tokens_.set_limit(share(config_.tokens_per_minute, seen_tokens_limit_));
}

// Of the full rate; above 1 only while that was learned from a 429.
double Pacer::rate_factor(MonotonicTime now) const {
  const double passed =
      std::chrono::duration<double>(std::max(now - factor_at_, Duration::zero())).count();
  const double most = learned_requests_limit_ > 0 ? kGrowFactor : 1;
  return std::min(most, factor_ + config_.ramp_per_second * std::min(passed, 1e6));
}

void Pacer::grow_learned(MonotonicTime now) {
  if (learned_requests_limit_ <= 0 || rate_factor(now) < kGrowFactor) return;
  const bool forget = last_cut_ && now - *last_cut_ >= kForgetAfter;
  learned_requests_limit_ = forget ? 0 : learned_requests_limit_ * kGrowFactor;
  factor_ = 1;
  factor_at_ = now;
  apply_limits();
}

std::optional<MonotonicTime> Pacer::first_start(double tokens, Tier tier, MonotonicTime now) {
  // Each of the two may move the other to a later time, where its window is full again.
  constexpr int kRounds = 8;
  const double spare = kSpare[index_of(tier)];
  const double factor = rate_factor(now);
  MonotonicTime start = std::max(now, blocked_until_);
  for (int round = 0; round < kRounds; ++round) {
    const auto by_requests = requests_.earliest(1, spare, factor, start, now);
    if (!by_requests) return std::nullopt;
    const auto by_tokens = tokens_.earliest(tokens, spare, factor, *by_requests, now);
    if (!by_tokens) return std::nullopt;
    if (*by_tokens == start) return start;
    start = *by_tokens;
  }
  return std::nullopt;
}

} // namespace raglan::policy
