#include "policy/admission.h"

#include <algorithm>
#include <utility>

namespace raglan::policy {
namespace {

// A tier that was overloaded less than so many intervals ago is so again at once.
constexpr int kRelapseIntervals = 16;
// A tier is served for its share when it is owed a ticket of the usual cost; what is not used is
// saved up to twice that.
constexpr double kOwed = 1;
constexpr double kMaxCredit = 2;

// A ticket's id says its tier, so that it is found without a map.
constexpr std::uint64_t id_of(std::uint64_t sequence, Tier tier) {
  return sequence * kTiers + index_of(tier);
}
constexpr Tier tier_of(std::uint64_t id) { return kAllTiers[id % kTiers]; }

// An hour is as good as for ever.
Duration from_seconds(double seconds) {
  return std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(std::clamp(seconds, 0.0, 3600.0)));
}

MonotonicTime latest_start(const Ticket& ticket) {
  if (ticket.deadline.never()) return MonotonicTime::max();
  return ticket.deadline.at() -
         std::clamp<Duration>(ticket.needs, Duration::zero(), std::chrono::hours(1));
}

} // namespace

std::string_view admission_reason_name(AdmissionReason reason) {
  switch (reason) {
    case AdmissionReason::kNone: return "";
    case AdmissionReason::kFull: return "full";
    case AdmissionReason::kDeadline: return "deadline";
    case AdmissionReason::kOverload: return "overload";
    case AdmissionReason::kMaxWait: return "max_wait";
    case AdmissionReason::kEvicted: return "evicted";
  }
  return "unknown";
}

AdmissionEntry Admission::enqueue(Ticket ticket, std::size_t places, MonotonicTime now) {
  latest_ = now = std::max(now, latest_);
  ticket.cost = std::clamp(ticket.cost, kMinCost, kMaxCost);
  if (ticket.tier != Tier::kIngest && ticket.needs > Duration::zero()) {
    needs_ = std::min<Duration>(ticket.needs, config_.max_wait);
  }
  AdmissionEntry entry;
  const auto refused = [&](AdmissionReason reason) {
    entry.state = AdmissionState::kRefused;
    entry.reason = reason;
    entry.retry_after = retry_after(ticket.tier, now);
    return entry;
  };
  const std::size_t before = waiting();
  const bool at_once = before == 0 && places > 0;
  // How fast an earlier queue was served says nothing about a new one, and would never be measured
  // again if it kept everybody out.
  const Duration wait =
      before == 0 ? Duration::zero() : estimated_wait(ticket.tenant, ticket.tier, ticket.cost, now);
  const MonotonicTime latest = latest_start(ticket);
  if (latest != MonotonicTime::max() && latest - now <= wait) {
    return refused(AdmissionReason::kDeadline);
  }
  if (at_once) {
    entry.state = AdmissionState::kAdmitted;
    return entry;
  }
  if (!ticket.waits) return refused(AdmissionReason::kFull);
  if (before >= config_.max_waiting) {
    entry.evicted = make_room(ticket, now);
    if (!entry.evicted) return refused(AdmissionReason::kFull);
  }
  if (before == 0) drain_.begins(now);
  entry.state = AdmissionState::kQueued;
  entry.id = id_of(++last_sequence_, ticket.tier);
  lane(ticket.tier).queue.push({entry.id, std::move(ticket.tenant), ticket.cost, now, latest});
  return entry;
}

// Drops the ticket that has the least right to its place, if that is less than the new one's.
std::optional<AdmissionDecision> Admission::make_room(const Ticket& ticket, MonotonicTime now) {
  for (const Tier tier : {Tier::kIngest, Tier::kFree, Tier::kPaid, Tier::kVip}) {
    const FairQueue& queue = lane(tier).queue;
    if (queue.empty()) continue;
    if (tier < ticket.tier) return std::nullopt;
    if (tier > ticket.tier) return drop(tier, queue.newest().id, AdmissionReason::kEvicted, now);
    const auto [id, most] = queue.newest_of_largest();
    if (most < queue.waiting_of(ticket.tenant) + 2) return std::nullopt;
    return drop(tier, id, AdmissionReason::kEvicted, now);
  }
  return std::nullopt;
}

AdmissionDecision Admission::drop(Tier tier, std::uint64_t id, AdmissionReason reason,
                                  MonotonicTime now) {
  const auto entry = lane(tier).queue.remove(id);
  return {id, reason, tier, entry ? now - entry->since : Duration::zero(), retry_after(tier, now)};
}

std::vector<AdmissionDecision> Admission::poll(std::size_t places, MonotonicTime now) {
  latest_ = now = std::max(now, latest_);
  std::vector<AdmissionDecision> decisions;
  for (const Tier tier : kAllTiers) {
    drop_hopeless(tier, now, decisions);
    judge_standing(lane(tier), now);
  }
  double admitted_cost = 0;
  for (; places > 0; --places) {
    const auto tier = next_tier(now);
    if (!tier) break;
    Lane& next = lane(*tier);
    const auto entry = next.queue.pop(next.overloaded && config_.adaptive_lifo);
    credit_shares(*tier, entry->cost);
    admitted_cost += entry->cost;
    decisions.push_back({entry->id, AdmissionReason::kNone, *tier, now - entry->since, {}});
  }
  if (admitted_cost > 0) drain_.drained(admitted_cost, now);
  for (const Tier tier : kAllTiers) {
    drop_standing(tier, now, decisions);
    judge_standing(lane(tier), now);
  }
  return decisions;
}

bool Admission::cancel(std::uint64_t id) { return lane(tier_of(id)).queue.remove(id).has_value(); }

// Those whose deadline cannot be met any more, and those that have waited as long as anybody may.
void Admission::drop_hopeless(Tier tier, MonotonicTime now,
                              std::vector<AdmissionDecision>& decisions) {
  const FairQueue& queue = lane(tier).queue;
  while (!queue.empty() && queue.most_urgent().latest_start <= now) {
    decisions.push_back(drop(tier, queue.most_urgent().id, AdmissionReason::kDeadline, now));
  }
  while (!queue.empty() && now - queue.oldest().since >= config_.max_wait) {
    decisions.push_back(drop(tier, queue.oldest().id, AdmissionReason::kMaxWait, now));
  }
}

void Admission::drop_standing(Tier tier, MonotonicTime now,
                              std::vector<AdmissionDecision>& decisions) {
  if (!lane(tier).overloaded) return;
  const FairQueue& queue = lane(tier).queue;
  while (!queue.empty() && now - queue.oldest().since > target()) {
    decisions.push_back(drop(tier, queue.oldest().id, AdmissionReason::kOverload, now));
  }
}

void Admission::judge_standing(Lane& lane, MonotonicTime now) const {
  if (lane.queue.empty()) {
    lane.standing_since.reset();
    end_overload(lane, now);
    lane.credit = std::min(lane.credit, 0.0);
    return;
  }
  const MonotonicTime since = lane.queue.oldest().since;
  if (now - since <= target()) {
    lane.standing_since.reset();
    if (now - since <= target() / 2) end_overload(lane, now);
    return;
  }
  if (!lane.standing_since) lane.standing_since = since + target();
  if (now - *lane.standing_since >= patience(lane, *lane.standing_since)) lane.overloaded = true;
}

void Admission::end_overload(Lane& lane, MonotonicTime now) {
  if (lane.overloaded) lane.ended_at = now;
  lane.overloaded = false;
}

// How long a queue that stands since then may do so: not at all soon after it did before.
Duration Admission::patience(const Lane& lane, MonotonicTime since) const {
  const bool relapse =
      lane.ended_at && since - *lane.ended_at < kRelapseIntervals * config_.interval;
  return relapse ? Duration(1) : Duration(config_.interval);
}

bool Admission::in_distress(const Lane& lane, MonotonicTime now) const {
  if (lane.queue.empty()) return false;
  return lane.overloaded || now - lane.queue.oldest().since > target() ||
         lane.queue.most_urgent().latest_start - now < target();
}

std::optional<Tier> Admission::next_tier(MonotonicTime now) const {
  std::optional<Tier> highest;
  for (const Tier tier : kAllTiers) {
    const Lane& waiting = lane(tier);
    if (waiting.queue.empty()) continue;
    if (highest && waiting.credit >= kOwed) return tier;
    if (!highest) highest = tier;
    if (in_distress(waiting, now)) break; // nothing is left for those below
  }
  return highest;
}

// What is admitted from the queue earns each lower tier that waits its share, and a lower one that
// is served pays.
void Admission::credit_shares(Tier served, double cost) {
  bool below = false; // the highest that waits needs no credit
  for (const Tier tier : kAllTiers) {
    Lane& earning = lane(tier);
    if (earning.queue.empty() && tier != served) continue;
    if (below) {
      earning.credit = std::min(kMaxCredit, earning.credit + share_of(tier) * cost);
      if (tier == served) earning.credit -= cost;
    }
    below = true;
  }
}

double Admission::share_of(Tier tier) const {
  switch (tier) {
    case Tier::kVip: return 0;
    case Tier::kPaid: return config_.paid_share;
    case Tier::kFree: return config_.free_share;
    case Tier::kIngest: return config_.ingest_share;
  }
  return 0;
}

std::optional<MonotonicTime> Admission::next_event() const {
  std::optional<MonotonicTime> next;
  const auto at = [&next](MonotonicTime when) { next = next ? std::min(*next, when) : when; };
  for (const Lane& lane : lanes_) {
    if (lane.queue.empty()) continue;
    const MonotonicTime since = lane.queue.oldest().since;
    at(lane.queue.most_urgent().latest_start);
    at(since + config_.max_wait);
    if (lane.overloaded) {
      at(since + target() + Duration(1));
    } else {
      const MonotonicTime standing = lane.standing_since.value_or(since + target());
      at(standing + patience(lane, standing));
    }
  }
  return next;
}

Duration Admission::estimated_wait(std::string_view tenant, Tier tier, double cost,
                                   MonotonicTime now) const {
  double ahead = 0;
  for (const Tier higher : kAllTiers) {
    if (higher >= tier) break;
    ahead += lane(higher).queue.cost();
  }
  const Lane& own = lane(tier);
  const bool first = own.overloaded && config_.adaptive_lifo; // within its tenant
  const double before = first ? 0 : own.queue.cost_of(tenant);
  const bool known = own.queue.waiting_of(tenant) > 0;
  const auto rounds_of = static_cast<double>(own.queue.tenants() + (known ? 0 : 1));
  ahead += std::min(own.queue.cost(), (before + cost) * rounds_of - cost);
  return from_seconds((ahead + cost) * drain_.seconds_per_cost(waiting() > 0, now));
}

std::size_t Admission::waiting() const {
  std::size_t sum = 0;
  for (const Lane& lane : lanes_) sum += lane.queue.size();
  return sum;
}

Duration Admission::oldest_wait(Tier tier, MonotonicTime now) const {
  const FairQueue& queue = lane(tier).queue;
  return queue.empty() ? Duration::zero() : std::max(now - queue.oldest().since, Duration::zero());
}

Duration Admission::queue_delay(MonotonicTime now) const {
  Duration oldest{};
  for (const Tier tier : {Tier::kVip, Tier::kPaid, Tier::kFree}) {
    oldest = std::max(oldest, oldest_wait(tier, now));
  }
  const std::chrono::duration<double> configured = config_.target;
  return std::chrono::duration_cast<Duration>(oldest * (configured / target()));
}

// When what waits before this tier's newest would be done.
Duration Admission::retry_after(Tier tier, MonotonicTime now) const {
  double ahead = 0;
  for (const Tier higher : kAllTiers) {
    if (higher <= tier) ahead += lane(higher).queue.cost();
  }
  return std::clamp<Duration>(from_seconds(ahead * drain_.seconds_per_cost(waiting() > 0, now)),
                              config_.min_retry_after, config_.max_retry_after);
}

} // namespace raglan::policy
