#include "policy/quota_headers.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <string>

#include "config/units.h"

namespace raglan::policy {
namespace {

using std::chrono::seconds;

// No quota is renewed less often; what says so is nonsense.
constexpr auto kMaxReset = std::chrono::hours(24 * 31);

std::optional<double> number(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  if (error != std::errc{} || at != end || !std::isfinite(value) || value < 0) return std::nullopt;
  return value;
}

// Takes `digits` digits off the front.
std::optional<int> take_digits(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// "Z", "+02:00"; seconds east of Greenwich.
std::optional<seconds> take_offset(std::string_view& text) {
  if (take(text, "Zz")) return seconds(0);
  if (text.empty() || (text.front() != '+' && text.front() != '-')) return std::nullopt;
  const int sign = text.front() == '-' ? -1 : 1;
  text.remove_prefix(1);
  const auto hours = take_digits(text, 2);
  if (!hours || !take(text, ":")) return std::nullopt;
  const auto minutes = take_digits(text, 2);
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  return sign * (std::chrono::hours(*hours) + std::chrono::minutes(*minutes));
}

// RFC 3339, 5.6. Fractions of a second are rounded up to the next one: later is safer.
std::optional<WallTime> rfc3339(std::string_view text) {
  const auto year = take_digits(text, 4);
  if (!year || !take(text, "-")) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, "-")) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day || !take(text, "Tt ")) return std::nullopt;
  const auto hour = take_digits(text, 2);
  if (!hour || !take(text, ":")) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || !take(text, ":")) return std::nullopt;
  const auto second = take_digits(text, 2);
  if (!second) return std::nullopt;
  bool fraction = false;
  if (take(text, ".")) {
    if (!take_digits(text, 1)) return std::nullopt;
    fraction = true;
    while (take_digits(text, 1)) {
    }
  }
  const auto offset = take_offset(text);
  if (!offset || !text.empty()) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  // A leap second is 60.
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  // What the clock's type cannot hold is nonsense anyway.
  if (*year < 1970 || *year > 2200) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         seconds(*second) - *offset + seconds(fraction ? 1 : 0);
}

std::optional<Duration> bounded(std::chrono::duration<double> wait) {
  if (wait > kMaxReset) return std::nullopt;
  return std::chrono::ceil<Duration>(std::max(wait, std::chrono::duration<double>(0)));
}

} // namespace

std::optional<Duration> parse_quota_reset(std::string_view value, WallTime now) {
  using Seconds = std::chrono::duration<double>;
  value = config::trimmed(value);
  if (const auto plain = number(value)) {
    // A duration of more than three decades is a Unix time; one of more than thirty millennia is in
    // milliseconds.
    constexpr double kUnixSeconds = 1e9;
    constexpr double kUnixMilliseconds = 1e12;
    if (*plain < kUnixSeconds) return bounded(Seconds(*plain));
    const double unix_seconds = *plain < kUnixMilliseconds ? *plain : *plain / 1000;
    return bounded(Seconds(unix_seconds) - Seconds(now.time_since_epoch()));
  }
  if (const auto at = rfc3339(value)) return bounded(*at - now);
  // Go prints microseconds with either of two letters mu.
  std::string plain(value);
  for (const std::string_view micro : {"\u00b5s", "\u03bcs"}) {
    if (const auto at = plain.find(micro); at != std::string::npos) {
      plain.replace(at, micro.size(), "us");
    }
  }
  const auto duration = config::parse_duration(plain);
  if (!duration) return std::nullopt;
  return bounded(*duration);
}

bool read_quota_header(std::string_view name, std::string_view value, WallTime now,
                       QuotaReport& report) {
  std::string lower(name);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  struct Known {
    std::string_view openai;
    std::string_view anthropic;
    QuotaReading QuotaReport::* of;
    int field; // 0 limit, 1 remaining, 2 reset
  };
  static constexpr Known kKnown[] = {
      {"x-ratelimit-limit-requests", "anthropic-ratelimit-requests-limit", &QuotaReport::requests,
       0},
      {"x-ratelimit-remaining-requests", "anthropic-ratelimit-requests-remaining",
       &QuotaReport::requests, 1},
      {"x-ratelimit-reset-requests", "anthropic-ratelimit-requests-reset", &QuotaReport::requests,
       2},
      {"x-ratelimit-limit-tokens", "anthropic-ratelimit-tokens-limit", &QuotaReport::tokens, 0},
      {"x-ratelimit-remaining-tokens", "anthropic-ratelimit-tokens-remaining", &QuotaReport::tokens,
       1},
      {"x-ratelimit-reset-tokens", "anthropic-ratelimit-tokens-reset", &QuotaReport::tokens, 2}};
  for (const Known& known : kKnown) {
    if (lower != known.openai && lower != known.anthropic) continue;
    QuotaReading& reading = report.*known.of;
    if (known.field == 2) {
      const auto reset = parse_quota_reset(value, now);
      if (reset) reading.reset = reset;
      return reset.has_value();
    }
    const auto amount = number(config::trimmed(value));
    if (amount) (known.field == 0 ? reading.limit : reading.remaining) = amount;
    return amount.has_value();
  }
  return false;
}

} // namespace raglan::policy
