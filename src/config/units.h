// Text to quantities and back: durations, byte counts, ratios.
//
// A unit is never guessed. A bare number is no duration; "M" is no byte unit (a million, or 2^20?);
// 0.7 is no ratio (70 % or 0.7 %?). Each failure says what to write instead.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace raglan::config {

// The value, or what was wrong with the text: the end of a sentence that names the text.
template <typename T>
using Parsed = std::expected<T, std::string>;

// "250ms", "30s", "1h30m", "0.5s"; units ns, us, ms, s, m, h, d. Never negative.
Parsed<std::chrono::nanoseconds> parse_duration(std::string_view text);
// With the largest unit that divides it: 90s is "90s", 3600s is "1h".
std::string print_duration(std::chrono::nanoseconds duration);

// "64MB" (10^6), "1GiB" (2^30), "1.5KiB", "512B", "4096"; units to T and Ti.
Parsed<std::uint64_t> parse_bytes(std::string_view text);
std::string print_bytes(std::uint64_t bytes);

// "70%" and "70" are 0.7. A bare number strictly between 0 and 1 is refused as ambiguous.
Parsed<double> parse_ratio(std::string_view text);
Parsed<double> ratio_of_percent(double percent);
std::string print_ratio(double ratio);

// A whole number, a finite number: all of the text, nothing else.
Parsed<std::int64_t> parse_integer(std::string_view text);
Parsed<double> parse_number(std::string_view text);

// The text without spaces and tabs at its ends.
std::string_view trimmed(std::string_view text);

} // namespace raglan::config
