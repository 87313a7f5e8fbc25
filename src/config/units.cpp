#include "config/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace raglan::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// From large to small: the printers take the first that divides.
constexpr std::array kDurationUnits{Unit{"d", 86'400'000'000'000},
                                    Unit{"h", 3'600'000'000'000},
                                    Unit{"m", 60'000'000'000},
                                    Unit{"s", 1'000'000'000},
                                    Unit{"ms", 1'000'000},
                                    Unit{"us", 1'000},
                                    Unit{"ns", 1}};
constexpr std::array kByteUnits{Unit{"TiB", 1ULL << 40},
                                Unit{"TB", 1'000'000'000'000},
                                Unit{"GiB", 1ULL << 30},
                                Unit{"GB", 1'000'000'000},
                                Unit{"MiB", 1ULL << 20},
                                Unit{"MB", 1'000'000},
                                Unit{"KiB", 1ULL << 10},
                                Unit{"kB", 1'000},
                                Unit{"B", 1}};

constexpr std::string_view kDurationAdvice =
    R"(write a number with a unit (ns, us, ms, s, m, h, d), such as "30s")";
constexpr std::string_view kBytesAdvice =
    R"(write a whole number of bytes, or one with a unit (B, kB, KiB, MB, MiB, GB, GiB, TB, TiB), such as "64MB")";

// Splits "12.5ms…" into 12.5 and "ms", and moves `text` past both. False when no digits stand
// there.
bool take_quantity(std::string_view& text, long double& number, std::string_view& unit) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  // A long double holds every 64-bit count exactly; a double would round above 2^53.
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, number);
  if (digits == 0 || error != std::errc{} || end != text.data() + digits) return false;
  text.remove_prefix(digits);
  const std::size_t letters = std::min(text.find_first_of("0123456789."), text.size());
  unit = text.substr(0, letters);
  text.remove_prefix(letters);
  return true;
}

template <std::size_t N>
const Unit* find_unit(const std::array<Unit, N>& units, std::string_view name) {
  for (const Unit& unit : units) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

template <std::size_t N>
std::string print_with_unit(const std::array<Unit, N>& units, std::uint64_t amount) {
  for (const Unit& unit : units) {
    if (amount >= unit.factor && amount % unit.factor == 0) {
      return fmt::format("{}{}", amount / unit.factor, unit.name);
    }
  }
  return fmt::format("0{}", units.back().name);
}

} // namespace

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

Parsed<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  const auto wrong = [](std::string_view what) {
    return std::unexpected(fmt::format("{}: {}", what, kDurationAdvice));
  };
  std::string_view rest = trimmed(text);
  if (rest.empty()) return wrong("is empty");
  long double total = 0;
  while (!rest.empty()) {
    long double number = 0;
    std::string_view name;
    if (!take_quantity(rest, number, name)) return wrong("is not a duration");
    name = trimmed(name);
    if (name.empty()) return wrong("has no unit");
    const Unit* unit = find_unit(kDurationUnits, name);
    if (unit == nullptr) return wrong(fmt::format("has the unknown unit \"{}\"", name));
    total += number * unit->factor;
  }
  if (total >= static_cast<long double>(std::numeric_limits<std::int64_t>::max())) {
    return std::unexpected(std::string("is longer than 292 years"));
  }
  return std::chrono::nanoseconds(std::llroundl(total));
}

std::string print_duration(std::chrono::nanoseconds duration) {
  if (duration <= duration.zero()) return "0s";
  return print_with_unit(kDurationUnits, static_cast<std::uint64_t>(duration.count()));
}

Parsed<std::uint64_t> parse_bytes(std::string_view text) {
  const auto wrong = [](std::string_view what) {
    return std::unexpected(fmt::format("{}: {}", what, kBytesAdvice));
  };
  std::string_view rest = trimmed(text);
  long double number = 0;
  std::string_view name;
  if (!take_quantity(rest, number, name) || !rest.empty()) return wrong("is not a number of bytes");
  name = trimmed(name);
  if (name.empty()) name = "B";
  if (name == "KB") name = "kB";
  const Unit* unit = find_unit(kByteUnits, name);
  if (unit == nullptr) return wrong(fmt::format("has the unknown unit \"{}\"", name));
  const long double total = number * unit->factor;
  if (total >= 0x1.0p63L) return std::unexpected(std::string("is too large"));
  if (total != std::floor(total)) return wrong("is not a whole number of bytes");
  return static_cast<std::uint64_t>(total);
}

std::string print_bytes(std::uint64_t bytes) { return print_with_unit(kByteUnits, bytes); }

Parsed<double> ratio_of_percent(double percent) {
  if (percent > 0 && percent < 1) {
    const std::string advice = fmt::format(
        "is ambiguous: a bare number is a percentage; write \"{}%\" for {} or \"{}%\" if that is "
        "what you mean",
        percent * 100, percent, percent);
    return std::unexpected(advice);
  }
  return percent / 100;
}

Parsed<double> parse_ratio(std::string_view text) {
  text = trimmed(text);
  const bool has_sign = text.ends_with('%');
  if (has_sign) text = trimmed(text.substr(0, text.size() - 1));
  const Parsed<double> percent = parse_number(text);
  if (!percent) {
    return std::unexpected(std::string(R"(is not a percentage: write it as 70 or "70%")"));
  }
  return has_sign ? *percent / 100 : ratio_of_percent(*percent);
}

std::string print_ratio(double ratio) {
  // Twelve digits: 0.07 * 100 is 7.000000000000001 in full.
  return fmt::format("{:.12g}%", ratio * 100);
}

Parsed<std::int64_t> parse_integer(std::string_view text) {
  text = trimmed(text);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) return std::unexpected(std::string("is too large"));
  if (error != std::errc{} || end != text.data() + text.size()) {
    return std::unexpected(std::string("is not a whole number"));
  }
  return value;
}

Parsed<double> parse_number(std::string_view text) {
  text = trimmed(text);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) {
    return std::unexpected(std::string("is not a number"));
  }
  return value;
}

} // namespace raglan::config
