// How one type of setting is read from a Value and printed as TOML.
//
// `codec_for<T>()` picks the codec from the C++ type. Two quantities share a C++ type with plain
// numbers and have codecs of their own: byte counts (bytes_codec) and ratios (ratio_codec).
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "config/secret.h"
#include "config/units.h"
#include "config/value.h"

namespace raglan::config {

template <typename T>
struct Codec {
  std::string type; // as the documentation says it: "duration"
  // The error is the end of a sentence that begins with the value: `is not a whole number`.
  std::function<Parsed<T>(const Value&)> parse;
  std::function<std::string(const T&)> print; // TOML; may be pasted into a file
};

// One name of an enumeration's value.
template <typename E>
struct Named {
  std::string_view name; // a literal
  E value;
};

namespace detail {

Parsed<bool> read_bool(const Value& value);
Parsed<std::int64_t> read_integer(const Value& value);
Parsed<double> read_number(const Value& value);
Parsed<std::string> read_string(const Value& value);
Parsed<std::vector<std::string>> read_strings(const Value& value);
Parsed<std::chrono::nanoseconds> read_duration(const Value& value);
Parsed<std::uint64_t> read_bytes(const Value& value);
Parsed<double> read_ratio(const Value& value);

template <typename T>
inline constexpr bool kIsDuration = false;
template <typename Rep, typename Period>
inline constexpr bool kIsDuration<std::chrono::duration<Rep, Period>> = true;

// An integer of the wire type as T, or an error that names T's range.
template <std::integral T, std::integral Wire>
Parsed<T> narrowed(const Parsed<Wire>& wide) {
  if (!wide) return std::unexpected(wide.error());
  if (std::in_range<T>(*wide)) return static_cast<T>(*wide);
  return std::unexpected(fmt::format("is not between {} and {}", std::numeric_limits<T>::min(),
                                     std::numeric_limits<T>::max()));
}

template <typename T>
Parsed<T> read_duration_as(const Value& value) {
  const auto exact = read_duration(value);
  if (!exact) return std::unexpected(exact.error());
  const auto duration = std::chrono::duration_cast<T>(*exact);
  if (duration == *exact) return duration;
  return std::unexpected(fmt::format("is finer than {}", print_duration(T(1))));
}

} // namespace detail

template <typename T>
  requires std::integral<T> && (!std::same_as<T, bool>)
Codec<T> integer_codec() {
  return {"integer",
          [](const Value& value) { return detail::narrowed<T>(detail::read_integer(value)); },
          [](const T& value) { return fmt::to_string(value); }};
}

template <typename T>
Codec<T> duration_codec() {
  return {"duration", detail::read_duration_as<T>,
          [](const T& value) { return toml_string(print_duration(value)); }};
}

template <std::unsigned_integral T>
Codec<T> bytes_codec() {
  return {"bytes",
          [](const Value& value) { return detail::narrowed<T>(detail::read_bytes(value)); },
          [](const T& value) { return toml_string(print_bytes(value)); }};
}

Codec<bool> bool_codec();
Codec<double> number_codec();
Codec<double> ratio_codec();
Codec<std::string> string_codec();
Codec<std::vector<std::string>> strings_codec();
Codec<Secret> secret_codec();
// In a variable, or a file that it names, they are separated by white space: a secret may be a URL
// with a comma in it.
Codec<std::vector<Secret>> secrets_codec();

template <typename E>
Codec<E> choice_codec(const std::vector<Named<E>>& names) {
  std::string type;
  for (const auto& named : names) type += (type.empty() ? "" : ", ") + toml_string(named.name);
  auto parse = [names, type](const Value& value) -> Parsed<E> {
    const auto text = detail::read_string(value);
    if (!text) return std::unexpected(text.error());
    for (const auto& named : names) {
      if (named.name == *text) return named.value;
    }
    return std::unexpected("is not one of " + type);
  };
  auto print = [names](const E& value) {
    for (const auto& named : names) {
      if (named.value == value) return toml_string(named.name);
    }
    return toml_string(std::string_view("?")); // a value the table forgot: the docs test shows it
  };
  return {"one of " + type, parse, print};
}

template <typename T>
Codec<T> codec_for() {
  if constexpr (std::same_as<T, bool>) {
    return bool_codec();
  } else if constexpr (std::integral<T>) {
    return integer_codec<T>();
  } else if constexpr (std::same_as<T, double>) {
    return number_codec();
  } else if constexpr (std::same_as<T, std::string>) {
    return string_codec();
  } else if constexpr (std::same_as<T, std::vector<std::string>>) {
    return strings_codec();
  } else if constexpr (std::same_as<T, Secret>) {
    return secret_codec();
  } else if constexpr (std::same_as<T, std::vector<Secret>>) {
    return secrets_codec();
  } else {
    static_assert(detail::kIsDuration<T>, "a type without a codec; for an enum use choice()");
    return duration_codec<T>();
  }
}

} // namespace raglan::config
