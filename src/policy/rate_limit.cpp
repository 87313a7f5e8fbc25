#include "policy/rate_limit.h"

#include <algorithm>
#include <cmath>

namespace raglan::policy {
namespace {

std::int64_t to_us(MonotonicTime at) {
  return std::chrono::floor<std::chrono::microseconds>(at.time_since_epoch()).count();
}

IntegerBucketLimit share_of(std::int64_t per_minute, double burst_ratio, std::size_t nodes) {
  if (per_minute <= 0) return {};
  const auto among = static_cast<std::int64_t>(std::max<std::size_t>(nodes, 1));
  const std::int64_t share =
      std::max<std::int64_t>(1, std::min(per_minute, IntegerBucket::kMaxAmount) / among);
  const auto burst =
      static_cast<std::int64_t>(std::floor(static_cast<double>(share) * burst_ratio));
  return {share, std::clamp<std::int64_t>(burst, 1, share)};
}

RateLimitUsage usage_of(const IntegerBucketLimit& limit, const IntegerBucket& bucket) {
  if (limit.per_minute <= 0) return {};
  return {limit.size, remaining_in(limit, bucket),
          std::chrono::microseconds(full_in_us(limit, bucket))};
}

} // namespace

RateLimits rate_limits(const RateLimitConfig& config, std::size_t nodes) {
  return {share_of(config.requests_per_minute, config.burst_ratio, nodes),
          share_of(config.tokens_per_minute, config.burst_ratio, nodes)};
}

RateLimitDecision decide_rate_limit(const RateLimits& limits, RateLimitCost cost,
                                    std::int64_t now_us, TenantBuckets& buckets) {
  RateLimitDecision decision;
  decision.allowed = true;
  TenantBuckets next = buckets;
  std::int64_t longest = -1;
  const auto look = [&](const IntegerBucketLimit& limit, IntegerBucket& bucket, std::int64_t amount,
                        RateLimitKind kind) {
    if (limit.per_minute <= 0) return;
    amount = std::clamp<std::int64_t>(amount, 0, IntegerBucket::kMaxAmount);
    bucket = filled(limit, bucket, now_us);
    if (const auto after = taken(limit, bucket, amount)) {
      bucket = *after;
      return;
    }
    decision.allowed = false;
    const bool never = amount > limit.size;
    const std::int64_t wait = wait_us(limit, bucket, std::min(amount, limit.size));
    if (decision.never || (!never && wait <= longest)) return;
    longest = wait;
    decision.never = never;
    decision.exceeded = kind;
    decision.retry_after = never ? Duration::zero() : Duration(std::chrono::microseconds(wait));
  };
  look(limits.requests, next.requests, cost.requests, RateLimitKind::kRequests);
  look(limits.tokens, next.tokens, cost.tokens, RateLimitKind::kTokens);
  if (decision.allowed) buckets = next;
  const auto seen = [now_us](const IntegerBucketLimit& limit, const IntegerBucket& bucket) {
    return limit.per_minute <= 0 ? bucket : filled(limit, bucket, now_us);
  };
  decision.requests = usage_of(limits.requests, seen(limits.requests, buckets.requests));
  decision.tokens = usage_of(limits.tokens, seen(limits.tokens, buckets.tokens));
  return decision;
}

RateLimitDecision RateLimiter::acquire(std::string_view tenant, const RateLimits& limits,
                                       RateLimitCost cost, MonotonicTime now) {
  const std::int64_t now_us = to_us(now);
  return state_.with([&](State& state) {
    const auto at = state.tenants.find(tenant);
    TenantBuckets buckets = at == state.tenants.end() ? TenantBuckets{} : at->second.buckets;
    const auto decision = decide_rate_limit(limits, cost, now_us, buckets);
    if (decision.allowed) keep(state, tenant, buckets, limits, now_us);
    return decision;
  });
}

void RateLimiter::settle(std::string_view tenant, const RateLimits& limits, std::int64_t difference,
                         MonotonicTime now) {
  if (limits.tokens.per_minute <= 0 || difference == 0) return;
  const std::int64_t now_us = to_us(now);
  difference = std::clamp(difference, -IntegerBucket::kMaxAmount, IntegerBucket::kMaxAmount);
  state_.with([&](State& state) {
    const auto at = state.tenants.find(tenant);
    TenantBuckets buckets = at == state.tenants.end() ? TenantBuckets{} : at->second.buckets;
    buckets.tokens =
        corrected(limits.tokens, filled(limits.tokens, buckets.tokens, now_us), difference);
    keep(state, tenant, buckets, limits, now_us);
  });
}

std::size_t RateLimiter::tenants() const {
  return state_.with([](const State& state) { return state.tenants.size(); });
}

void RateLimiter::keep(State& state, std::string_view name, const TenantBuckets& buckets,
                       const RateLimits& limits, std::int64_t now_us) const {
  auto at = state.tenants.find(name);
  if (at != state.tenants.end()) {
    state.by_full.erase({at->second.full_at_us, at->first});
  } else {
    while (!state.by_full.empty() &&
           (state.by_full.begin()->first <= now_us || state.tenants.size() >= max_tenants_)) {
      const std::string_view forgotten = state.by_full.begin()->second;
      const auto gone = state.tenants.find(forgotten);
      state.by_full.erase(state.by_full.begin());
      state.tenants.erase(gone);
    }
    at = state.tenants.try_emplace(std::string(name)).first;
  }
  const auto full_at = [now_us](const IntegerBucketLimit& limit, const IntegerBucket& bucket) {
    return limit.per_minute <= 0 ? now_us : bucket.at_us + full_in_us(limit, bucket);
  };
  at->second.buckets = buckets;
  at->second.full_at_us =
      std::max(full_at(limits.requests, buckets.requests), full_at(limits.tokens, buckets.tokens));
  state.by_full.emplace(at->second.full_at_us, at->first);
}

} // namespace raglan::policy
