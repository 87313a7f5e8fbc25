// A token bucket in whole numbers, which this process and a Lua script in Redis compute alike.
//
// It is filled with `per_minute` a minute and holds `size`. Kept is how much of it is missing, not
// in requests or tokens but in those times a minute's microseconds, so that every step is exact:
// what is taken adds amount × 60,000,000, a microsecond that passes takes `per_minute` off. (GCRA's
// theoretical arrival time is at_us + missing / per_minute; it is not kept itself because it is no
// whole number: rounded up, 7 a minute are 6, rounded down, 10⁸ tokens a minute cost nothing.)
// policy/token_bucket.h does the same with real numbers, of which two computers need not have the
// same.
//
// What is kept stays below 2^53, up to where a Lua number is an exact integer, because per_minute,
// size and amounts are at most `kMaxAmount` and the time that counts is at most what fills the
// bucket.
//
// In Redis (auth/rate_limits.cpp), one key for each tenant and tier, with `{tenant}` in braces, so
// that a cluster keeps a tenant's in one slot:
//
//   key    <prefix>limit:{<tenant>}:<tier>  a hash; absent is full
//   fields rm, ra                           missing and at_us of requests
//          tm, ta                           missing and at_us of tokens
//   ARGV   per_minute, size, amount of requests; the same of tokens; per_minute 0 is no limit
//   now    redis.call('TIME'): seconds × 1,000,000 + microseconds; never a node's clock
//
//   passed  = min(now − at, ceil(missing / per_minute)), at least 0
//   missing = max(0, missing − passed × per_minute)
//   if missing + amount × 60,000,000 > size × 60,000,000 of either: refuse, write nothing
//   else write both, and PEXPIRE by the longer of ceil(missing / per_minute / 1000) milliseconds
//
// with ceil(a / b) = (a + b − 1 − (a + b − 1) % b) / b. The reply is `missing` of both before
// anything was taken, from which the node comes to the same decision, and to what the headers say.
//
// Pure functions, safe on any thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

namespace raglan::policy {

struct IntegerBucketLimit {
  std::int64_t per_minute = 0; // 0: no limit
  std::int64_t size = 0;       // at least 1 with a limit, at most per_minute
};

struct IntegerBucket {
  static constexpr std::int64_t kMinuteUs = 60'000'000;
  static constexpr std::int64_t kMaxAmount = 100'000'000;

  std::int64_t missing = 0; // in amounts × kMinuteUs
  std::int64_t at_us = 0;   // when that was right
};

constexpr std::int64_t ceil_divide(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// The bucket as it is at that time. Time that runs backwards fills nothing.
constexpr IntegerBucket filled(const IntegerBucketLimit& limit, IntegerBucket bucket,
                               std::int64_t now_us) {
  if (now_us <= bucket.at_us) return bucket;
  const std::int64_t full_in = ceil_divide(bucket.missing, limit.per_minute);
  const std::int64_t passed = std::min(now_us - bucket.at_us, full_in);
  return {std::max<std::int64_t>(0, bucket.missing - passed * limit.per_minute), now_us};
}

// With so much taken out; empty when there is too little. The bucket must be filled.
constexpr std::optional<IntegerBucket> taken(const IntegerBucketLimit& limit, IntegerBucket bucket,
                                             std::int64_t amount) {
  bucket.missing += amount * IntegerBucket::kMinuteUs;
  if (bucket.missing > limit.size * IntegerBucket::kMinuteUs) return std::nullopt;
  return bucket;
}

// With so much more, or less, taken out than was, whatever is there: it may be overdrawn by a size.
constexpr IntegerBucket corrected(const IntegerBucketLimit& limit, IntegerBucket bucket,
                                  std::int64_t difference) {
  const std::int64_t most = std::min(2 * limit.size, IntegerBucket::kMaxAmount);
  bucket.missing = std::clamp<std::int64_t>(bucket.missing + difference * IntegerBucket::kMinuteUs,
                                            0, most * IntegerBucket::kMinuteUs);
  return bucket;
}

constexpr std::int64_t remaining_in(const IntegerBucketLimit& limit, const IntegerBucket& bucket) {
  const std::int64_t left = limit.size * IntegerBucket::kMinuteUs - bucket.missing;
  return std::max<std::int64_t>(0, left) / IntegerBucket::kMinuteUs;
}

// Microseconds until it is full, and until so much is there if nobody takes any (it must not be
// more than the size).
constexpr std::int64_t full_in_us(const IntegerBucketLimit& limit, const IntegerBucket& bucket) {
  return ceil_divide(bucket.missing, limit.per_minute);
}
constexpr std::int64_t wait_us(const IntegerBucketLimit& limit, const IntegerBucket& bucket,
                               std::int64_t amount) {
  const std::int64_t over = bucket.missing + (amount - limit.size) * IntegerBucket::kMinuteUs;
  return over <= 0 ? 0 : ceil_divide(over, limit.per_minute);
}

} // namespace raglan::policy
