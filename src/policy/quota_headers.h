// What a provider says of our quota in the headers of each answer.
//
//   x-ratelimit-limit-requests: 60          OpenAI and most that follow it (Azure, Groq,
//   x-ratelimit-remaining-tokens: 149984    vLLM's gateways); the reset is a Go duration
//   x-ratelimit-reset-tokens: 6m0s          ("6m0s", "20ms"), or seconds, or a Unix time
//
//   anthropic-ratelimit-requests-limit: 50  Anthropic; the reset is an RFC 3339 time:
//   anthropic-ratelimit-tokens-reset: 2025-01-01T00:00:30Z
//
// Retry-After is read by http/retry_after.h. Nonsense, and the negative numbers by which Azure says
// "unknown", are as if the header were not there: a provider's oddity must fail no call.
//
// Pure functions, safe on any thread.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"

namespace raglan::policy {

// Of requests or of tokens.
struct QuotaReading {
  std::optional<double> limit;     // in the provider's period, which it does not tell: a minute
  std::optional<double> remaining; // now
  std::optional<Duration> reset;   // until all of it is there again

  friend bool operator==(const QuotaReading&, const QuotaReading&) = default;
};

struct QuotaReport {
  QuotaReading requests;
  QuotaReading tokens;

  friend bool operator==(const QuotaReport&, const QuotaReport&) = default;
};

// Takes in one header, its name in any case. False when it says nothing about a quota.
bool read_quota_header(std::string_view name, std::string_view value, WallTime now,
                       QuotaReport& report);

// A reset in any of the forms above, from now; zero when it is past. Empty for nonsense.
std::optional<Duration> parse_quota_reset(std::string_view value, WallTime now);

} // namespace raglan::policy
