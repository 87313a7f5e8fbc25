#include "http/retry_after.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <limits>

namespace raglan::http {
namespace {

constexpr std::int64_t kMaxSeconds = 366LL * 24 * 3600; // a longer wait is as good as that

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (stop != end || number < 0) return std::nullopt;
  if (error == std::errc::result_out_of_range && !text.starts_with('-')) {
    return std::numeric_limits<std::int64_t>::max();
  }
  return error == std::errc() ? std::optional(number) : std::nullopt;
}

// "Sun, 06 Nov 1994 08:49:37 GMT", in seconds since 1970; the two obsolete forms are not read.
std::optional<std::int64_t> http_date(const std::string& text) {
  std::tm time{};
  const char* const stop = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &time);
  if (stop == nullptr || *stop != '\0') return std::nullopt;
  return ::timegm(&time);
}

Duration whole_seconds(std::int64_t seconds) {
  return std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, kMaxSeconds));
}

} // namespace

std::optional<Duration> retry_after(const Headers& headers, WallTime now) {
  const auto milliseconds = whole_number(headers.get("retry-after-ms"));
  if (milliseconds && *milliseconds <= kMaxSeconds * 1000) {
    return std::chrono::milliseconds(*milliseconds);
  }
  const auto field = headers.find("retry-after");
  if (!field) return std::nullopt;
  if (const auto seconds = whole_number(*field)) return whole_seconds(*seconds);
  const auto date = http_date(std::string(*field));
  if (!date) return std::nullopt;
  return whole_seconds(*date - std::chrono::system_clock::to_time_t(now));
}

} // namespace raglan::http
