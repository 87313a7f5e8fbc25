// A whole number that a text is, and nothing beside it: no sign that its type does not have, no
// space.
//
//   std::uint16_t port = 0;
//   if (!read_number("6379", port)) …                  // not a number, or too large for its type
//
// Pure functions.
#pragma once

#include <charconv>
#include <concepts>
#include <string_view>
#include <system_error>

namespace raglan {

// False: it is none, and `number` may be anything.
template <std::integral Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  return code == std::errc() && end == text.data() + text.size();
}

} // namespace raglan
