#include "auth/rate_limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "redis/script.h"

namespace raglan::auth {

using policy::IntegerBucketLimit;
using policy::Tier;

namespace {

// What both scripts need: policy/integer_bucket.h in Lua. A Lua number turns to text by fourteen
// digits unless it is told otherwise.
constexpr std::string_view kBuckets = R"lua(
local minute = 60000000
local function ceil(a, b) return (a + b - 1 - (a + b - 1) % b) / b end
local function filled(missing, at, now, rate)
  missing, at = tonumber(missing or 0), tonumber(at or 0)
  if now <= at then return missing, at end
  local passed = math.min(now - at, ceil(missing, rate))
  return math.max(0, missing - passed * rate), now
end
local function text(number) return string.format('%.0f', number) end
local function full_in_ms(missing, rate) return ceil(ceil(missing, rate), 1000) end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
)lua";

// KEYS[1]: the buckets; ARGV: per_minute, size and amount of requests, then of tokens. What was
// missing of both before; nothing is taken unless both are there.
const redis::Script& take_script() {
  static const redis::Script script(std::string(kBuckets) + R"lua(
local kept = redis.call('HMGET', KEYS[1], 'rm', 'ra', 'tm', 'ta')
local names = {'rm', 'ra', 'tm', 'ta'}
local before, write, allowed, expiry = {0, 0}, {}, true, 1
for bucket = 0, 1 do
  local rate = tonumber(ARGV[3 * bucket + 1])
  local size = tonumber(ARGV[3 * bucket + 2])
  local amount = tonumber(ARGV[3 * bucket + 3])
  if rate > 0 then
    local missing, at = filled(kept[2 * bucket + 1], kept[2 * bucket + 2], now, rate)
    local after = missing + amount * minute
    before[bucket + 1] = missing
    if after > size * minute then allowed = false end
    for _, word in ipairs({names[2 * bucket + 1], text(after), names[2 * bucket + 2], text(at)}) do
      write[#write + 1] = word
    end
    expiry = math.max(expiry, full_in_ms(after, rate))
  end
end
if allowed and #write > 0 then
  redis.call('HSET', KEYS[1], unpack(write))
  redis.call('PEXPIRE', KEYS[1], text(expiry))
end
return before
)lua");
  return script;
}

// KEYS[1]: the buckets; ARGV: per_minute, size and the difference of tokens.
const redis::Script& correct_script() {
  static const redis::Script script(std::string(kBuckets) + R"lua(
local rate, size, difference = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local kept = redis.call('HMGET', KEYS[1], 'tm', 'ta')
local missing, at = filled(kept[1], kept[2], now, rate)
local most = math.min(2 * size, 100000000) * minute
missing = math.min(math.max(missing + difference * minute, 0), most)
redis.call('HSET', KEYS[1], 'tm', text(missing), 'ta', text(at))
local expiry = math.max(1, full_in_ms(missing, rate), redis.call('PTTL', KEYS[1]))
return redis.call('PEXPIRE', KEYS[1], text(expiry))
)lua");
  return script;
}

// Within an installation.
std::string name_of(const Customer& customer) {
  return fmt::format("limit:{{{}}}:{}", customer.tenant, policy::tier_name(customer.tier));
}

} // namespace

const policy::RateLimitConfig& RateLimits::of(Tier tier) const {
  static const policy::RateLimitConfig kNone;
  switch (tier) {
    case Tier::kVip: return config_.vip;
    case Tier::kPaid: return config_.paid;
    case Tier::kFree: return config_.free;
    case Tier::kIngest: break;
  }
  return kNone;
}

bool RateLimits::limits(Tier tier) const {
  return of(tier).requests_per_minute > 0 || of(tier).tokens_per_minute > 0;
}

policy::RateLimits RateLimits::share_of(Tier tier) const {
  return policy::rate_limits(of(tier), fleet_ != nullptr ? fleet_->size() : 1);
}

net::Task<RateLimits::Taken> RateLimits::acquire(Customer customer, policy::RateLimitCost cost,
                                                 Deadline deadline) {
  const policy::RateLimits whole = policy::rate_limits(of(customer.tier));
  if (whole.tokens.per_minute > 0) cost.tokens = std::min(cost.tokens, whole.tokens.size);
  Taken taken{.tokens = cost.tokens};
  std::optional<policy::RateLimitDecision> decision;
  if (redis_ != nullptr) decision = co_await ask_redis(customer, whole, cost, deadline);
  taken.shared = decision.has_value();
  if (!decision) {
    const policy::RateLimits share = share_of(customer.tier);
    if (share.tokens.per_minute > 0) taken.tokens = std::min(cost.tokens, share.tokens.size);
    cost.tokens = taken.tokens;
    if (redis_ != nullptr) ++decided_locally_;
    decision = local_.acquire(name_of(customer), share, cost, clock_.now());
  }
  taken.decision = *decision;
  count(customer.tier, taken.decision);
  co_return taken;
}

net::Task<std::optional<policy::RateLimitDecision>> RateLimits::ask_redis(
    const Customer& customer, const policy::RateLimits& limits, policy::RateLimitCost cost,
    Deadline deadline) {
  std::vector<std::string> keys{redis_->name(name_of(customer))};
  std::vector<std::string> arguments;
  const auto add = [&](const IntegerBucketLimit& limit, std::int64_t amount) {
    for (const std::int64_t number : {limit.per_minute, limit.size, amount}) {
      arguments.push_back(std::to_string(number));
    }
  };
  add(limits.requests, cost.requests);
  add(limits.tokens, cost.tokens);
  auto reply = co_await take_script().run(*redis_, std::move(keys), std::move(arguments), deadline);
  if (!reply || reply->elements.size() != 2) co_return std::nullopt;
  policy::TenantBuckets buckets{.requests = {.missing = reply->elements[0].integer},
                                .tokens = {.missing = reply->elements[1].integer}};
  co_return policy::decide_rate_limit(limits, cost, 0, buckets);
}

net::Task<void> RateLimits::settle(Customer customer, Taken taken, std::int64_t used_tokens) {
  const IntegerBucketLimit limit = policy::rate_limits(of(customer.tier)).tokens;
  const std::int64_t difference =
      std::clamp(used_tokens - taken.tokens, -policy::IntegerBucket::kMaxAmount,
                 policy::IntegerBucket::kMaxAmount);
  if (limit.per_minute <= 0 || difference == 0 || !taken.decision.allowed) co_return;
  if (!taken.shared) {
    local_.settle(name_of(customer), share_of(customer.tier), difference, clock_.now());
    co_return;
  }
  std::vector<std::string> keys{redis_->name(name_of(customer))};
  std::vector<std::string> arguments;
  for (const std::int64_t number : {limit.per_minute, limit.size, difference}) {
    arguments.push_back(std::to_string(number));
  }
  (void)co_await correct_script().run(*redis_, std::move(keys), std::move(arguments), Deadline());
}

void RateLimits::count(Tier tier, const policy::RateLimitDecision& decision) {
  if (decision.allowed) return;
  const bool requests = decision.exceeded == policy::RateLimitKind::kRequests;
  ++(requests ? requests_exceeded_ : tokens_exceeded_)[policy::index_of(tier)];
}

RateLimitsStats RateLimits::stats() const {
  RateLimitsStats stats{.local = decided_locally_};
  for (const Tier tier : policy::kAllTiers) {
    const std::size_t i = policy::index_of(tier);
    stats.requests_exceeded[i] = requests_exceeded_[i];
    stats.tokens_exceeded[i] = tokens_exceeded_[i];
  }
  return stats;
}

} // namespace raglan::auth
